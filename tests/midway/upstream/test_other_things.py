"""Checkpoints that hold more than weights and arguments, or weights under the names of wrappers."""

import argparse
import collections
import datetime
import decimal
import enum
import os
import pathlib
import random
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hostile_files import Calling
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_layout import published_content, write_published

from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.midway.published import published_config
from lamo.midway.upstream import import_upstream
from lamo.midway.upstream.conversion import import_dino_heads

PARTS = ("student", "teacher", "motion_loss")


class Phase(enum.Enum):
    """Something of the file's own code."""

    TRAINING = 1


class Meter(collections.deque):
    """A list-like object of the file's own code."""


class Settings(dict):
    """A dictionary of a class of the file's own code, as configuration libraries have them."""


class Schedule:
    """An object of the file's own code."""

    def __init__(self) -> None:
        self.milestones = collections.Counter([30, 60])
        self.itself = self


def others() -> dict[str, object]:
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])
    return {
        "NumPy random state": np.random.get_state(),  # noqa: NPY002 - what older trainings store
        "NumPy generator": np.random.default_rng(0),
        "Python random state": random.getstate(),
        "PyTorch random states": [torch.get_rng_state(), torch.Generator().get_state()],
        "NumPy arrays": [np.arange(6).reshape(2, 3), np.array(["x", None], dtype=object), np.bool_(True)],
        "records": np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        "times": [np.datetime64("2026-01-01"), datetime.datetime(2026, 1, 1), datetime.timedelta(seconds=1)],
        "scheduler": schedule.state_dict(),
        "scheduler as an object": schedule,
        "optimizer": optimizer.state_dict(),
        "versions": [torch.__version__, np.__version__, torch.version.cuda],
        "types": [torch.float32, torch.bfloat16, torch.Size([2]), torch.device("cpu"), torch.strided, np.float32, int],
        "tensors": [torch.ones(2, dtype=torch.complex64), torch.eye(2).to_sparse(), torch.zeros(1).expand(1000)],
        "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "a whole module": network,
        "sets": [{1, 2}, frozenset("ab"), {(1, "a"): {3}, None: 2, 1.5: 1, b"x": 0, Phase.TRAINING: 1}],
        "containers": [collections.deque([1, 2], maxlen=3), Meter([1.0]), Settings(a=1), collections.defaultdict(list)],
        "other values": [decimal.Decimal("1.5"), 3 + 4j, bytearray(b"x"), range(3), slice(1, 2), Ellipsis],
        "paths and namespaces": [pathlib.Path("a/b"), pathlib.PurePosixPath("c"), argparse.Namespace(a=1)],
        "own classes": [Phase.TRAINING, Schedule(), Schedule, Phase],
        "functions": [os.path.join, torch.nn.functional.relu, np.mean],
        "text": "a" * 70_000,
        "a number of many digits": 10**400,
        "a call": Calling(os.getcwd, ()),
    }  # fmt: skip


@pytest.fixture(scope="module")
def content() -> dict:
    encoder = {"patch": 8, "width": 24, "depth": 4, "heads": 3, "mlp_ratio": 2.0, "levels": (0, 3)}
    forward = {"depth": 1, "heads": 2, "lateral_heads": 2}
    config = published_config(encoder, {"tokens": 2, "width": 12, "depth": 1, "heads": 2}, forward)
    return published_content(Midway(config, (16, 32)).eval())


@pytest.fixture(scope="module")
def expected(content, tmp_path_factory) -> dict[str, torch.Tensor]:
    path = tmp_path_factory.mktemp("plain") / "file.pth"
    torch.save(content, path)
    return import_upstream(path).state_dict()


def same(path, expected) -> bool:
    found = import_upstream(path).state_dict()
    return all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", others())
def test_what_is_not_needed_does_not_matter(tmp_path, content, expected, name, protocol):
    torch.save({**content, "other": others()[name]}, tmp_path / "file.pth", pickle_protocol=protocol)
    assert same(tmp_path / "file.pth", expected)


def test_nor_does_it_among_the_parts_and_the_arguments(tmp_path, content, expected):
    changed = {**content, "args": content["args"] | {f"unused {i}": one for i, one in enumerate(others().values())}}
    for part in PARTS:
        changed[part] = OrderedDict(content[part])
        changed[part]["_extra_state"] = {"version": torch.__version__}
    torch.save(changed, tmp_path / "file.pth")
    assert same(tmp_path / "file.pth", expected)


@pytest.mark.parametrize("kind", [argparse.Namespace, lambda **args: Settings(args)], ids=["namespace", "dictionary"])
def test_arguments_of_any_class_are_read(tmp_path, content, expected, kind):
    torch.save({**content, "args": kind(**content["args"])}, tmp_path / "file.pth")
    assert same(tmp_path / "file.pth", expected)


def test_the_configuration_library_may_stand_beside_the_rest(tmp_path, content, expected):
    assert same(write_published(tmp_path / "file.pth", {**content, "other": others()}), expected)


# --- names ---

WRAPPERS = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
HOW = {
    "one process": lambda name: name.removeprefix("module."),
    "torch.compile": lambda name: name.replace("module.", "module._orig_mod.", 1),
    "compiled before data parallelism": lambda name: f"module._orig_mod.{name.removeprefix('module.')}",
    "data parallelism before compiling": lambda name: f"_orig_mod.module.{name.removeprefix('module.')}",
    "twice": lambda name: f"module.{name}",
    "compiled backbone": lambda name: name.replace("backbone.", "backbone._orig_mod."),
    "compiled blocks": lambda name: name.replace("blocks.0.", "blocks.0._orig_mod."),
    "fully sharded": lambda name: (
        "_fsdp_wrapped_module." + name.replace("blocks.", "_checkpoint_wrapped_module.blocks.")
    ),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("parts", [PARTS, *((part,) for part in PARTS)], ids="-".join)
def test_wrappers_of_a_part_do_not_matter(tmp_path, content, expected, how, parts):
    changed = {part: {HOW[how](name): tensor for name, tensor in content[part].items()} for part in parts}
    torch.save(content | changed, tmp_path / "file.pth")
    assert same(tmp_path / "file.pth", expected)
    assert import_dino_heads(tmp_path / "file.pth").student


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_wrappers_may_be_anywhere(tmp_path, content, expected, data):
    """Each module of each part is wrapped in any of them, or in none."""
    wrapped: dict[tuple[str, str], str] = {}

    def renamed(part: str, name: str) -> str:
        pieces = name.removeprefix("module.").split(".")
        found = ""
        for number, piece in enumerate(pieces):
            place = part, ".".join(pieces[:number])
            if place not in wrapped:
                wrapped[place] = "".join(data.draw(st.lists(st.sampled_from(WRAPPERS), max_size=2)))
            found += wrapped[place] + piece + "."
        return found.removesuffix(".")

    parts = {part: {renamed(part, name): tensor for name, tensor in content[part].items()} for part in PARTS}
    torch.save(content | parts, tmp_path / "file.pth")
    assert same(tmp_path / "file.pth", expected)


def test_an_average_of_weights_is_read(tmp_path, content, expected):
    teacher = {f"module.{name}": tensor for name, tensor in content["teacher"].items()}
    torch.save(content | {"teacher": {"n_averaged": torch.tensor(3), **teacher}}, tmp_path / "file.pth")
    assert same(tmp_path / "file.pth", expected)


def test_two_weights_of_one_name_are_refused(tmp_path, content):
    name = next(iter(content["student"]))
    student = content["student"] | {f"_orig_mod.{name}": torch.zeros(1)}
    torch.save(content | {"student": student}, tmp_path / "file.pth")
    with pytest.raises(LamoError, match="student has two weights named module"):
        import_upstream(tmp_path / "file.pth")


# --- what is needed and cannot be read ---

NAME = "module.backbone.blocks.0.norm1.weight"
NEEDED = {
    "a weight as an array": (
        lambda c: c["student"].update({NAME: np.ones(24, "f4")}),
        f"student {NAME}",
        f"{NAME} is an object of numpy._core.multiarray._reconstruct; save these weights again as plain tensors",
    ),
    "a quantised weight": (
        lambda c: c["student"].update({NAME: torch.quantize_per_tensor(torch.ones(24), 0.1, 0, torch.qint8)}),
        f"{NAME} is an object of torch._utils._rebuild_qtensor; save these weights again as plain tensors",
    ),
    "a weight that the geometry is read from": (
        lambda c: c["motion_loss"].update({"module.motion_tokens": np.ones((1, 2, 12), "f4")}),
        "motion_loss has no weights module.motion_tokens with 3 axes (module.motion_tokens is an object of numpy",
    ),
    "a part that is a module": (
        lambda c: c.update(student=torch.nn.Linear(2, 2)),
        "part 'student' is an object of torch.nn.modules.linear.Linear; ",
        "expected its state dictionary; save the state dictionaries of student, teacher and motion_loss",
    ),
    "a part that is a call": (
        lambda c: c.update(teacher=Calling(os.getcwd, ())), "part 'teacher' is an object of posix.getcwd; found 's"
    ),
    "arguments that are a call": (lambda c: c.update(args=Calling(os.getcwd, ())), "there are no stored arguments"),
    "a needed argument that is an object": (
        lambda c: c["args"].update(arch=Phase.TRAINING), "stored argument arch is an object of "
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NEEDED)
def test_what_is_needed_and_cannot_be_read_is_named(tmp_path, content, what):
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in content.items()}
    change, *said = NEEDED[what]
    change(changed)
    torch.save(changed, tmp_path / "file.pth")
    with pytest.raises(LamoError) as caught:
        import_upstream(tmp_path / "file.pth")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'file.pth'}: not a full published Midway checkpoint: ")
    assert len(message.splitlines()) == 1
    for text in said:
        assert text in message


def test_the_architecture_is_not_needed_where_the_heads_are_given(tmp_path, content, expected):
    torch.save(content | {"args": content["args"] | {"arch": Phase.TRAINING}}, tmp_path / "file.pth")
    found = import_upstream(tmp_path / "file.pth", encoder_heads=3).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_file_that_is_one_object_says_what_to_save(tmp_path):
    torch.save(Schedule(), tmp_path / "file.pth")
    with pytest.raises(
        LamoError, match=r"it holds an object of .*Schedule, expected the parts of a training run; save"
    ):
        import_upstream(tmp_path / "file.pth")
