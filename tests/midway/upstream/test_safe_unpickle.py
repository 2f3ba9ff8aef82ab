"""Checkpoints are read whole and as they were written; what is not a checkpoint is refused in one line."""

import os
import random
import zipfile
from collections import defaultdict

import numpy as np
import pytest
import torch
from hostile_files import Calling, Storage, archive, is_refused, program, refused, tensor

from lamo.midway.upstream.pickle_machine import Stub
from lamo.midway.upstream.safe_unpickle import read_checkpoint


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_writes_is_read(tmp_path, protocol):
    weights = torch.nn.Linear(3, 2).state_dict()
    content = {
        "weights": weights,
        "views": [torch.arange(12.0).view(3, 4).t(), torch.arange(10)[2:7:2], torch.empty(0, 4), torch.tensor(3.0)],
        "kinds": [torch.ones(2, dtype=kind) for kind in (torch.float16, torch.bfloat16, torch.float64, torch.int32)],
        "parameters": [torch.nn.Parameter(torch.randn(2, 3))],
        "numbers": (1, -(2**70), 2.5, True, None, "text", np.float64(0.25), np.int64(7), np.float32(1.5)),
        "scalars": defaultdict(dict, {0: {"step": 3}}),
    }
    torch.save(content, tmp_path / "file.pt", pickle_protocol=protocol)
    found = read_checkpoint(tmp_path / "file.pt")
    assert found["numbers"] == (1, -(2**70), 2.5, True, None, "text", 0.25, 7, 1.5)
    assert found["scalars"] == {0: {"step": 3}}
    assert list(found["weights"]) == list(weights)
    assert all(torch.equal(found["weights"][name], tensor) for name, tensor in weights.items())
    for name in ("views", "kinds", "parameters"):
        for one, other in zip(found[name], content[name], strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (2,), (10**18,)),
        (0, (2,), (-1,)), (-1, (2,), (1,)), (0, (-2,), (1,)), (0, (5,), (1,)), (2**63, (1,), (1,)), (4, (1,), (1,)),
        ("0", (2,), (1,)), (0, [2], (1,)), (0, (2, 2), (1,)), (0, (True,), (1,)), (0, (2.0,), (1,)),
    ],
)  # fmt: skip
def test_tensors_beyond_their_storage_are_refused(tmp_path, offset, size, stride):
    refused(archive(tmp_path, tensor(offset, size, stride)))


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        (Storage(count=5), "storage 0 has 16 bytes, 5 torch.float32 are expected"),
        (Storage(count=-1), "storage 0 has 16 bytes, -1 torch.float32 are expected"),
        (Storage(count=2**62), "storage 0 has 16 bytes"),
        (Storage(count="4"), "refused: a reference to something that is not a storage of numbers"),
        (Storage(key="7"), "truncated or damaged"),
        (Storage(key="../../../etc/passwd"), "truncated or damaged"),
    ],
)
def test_storages_that_are_not_there_are_refused(tmp_path, storage, message):
    assert message in refused(archive(tmp_path, tensor(0, (2,), (1,), storage)))


@pytest.mark.parametrize(("size", "stride"), [((10**6, 10**6), (0, 0)), ((2**62, 2**62), (0, 0)), ((5,), (0,))])
def test_views_larger_than_their_storage_are_passed_over(tmp_path, size, stride):
    """Their copies would take any amount of memory, and no weights are stored so."""
    found = read_checkpoint(archive(tmp_path, tensor(0, size, stride)))
    assert isinstance(found, Stub)
    assert found.name == "expanded tensor"


def test_tensors_of_other_kinds_are_passed_over(tmp_path):
    found = read_checkpoint(archive(tmp_path, tensor(0, (2,), (1,), Storage(kind=torch.ComplexFloatStorage))))
    assert found.name == "tensor of torch.ComplexFloatStorage"
    content = {
        "sparse": torch.eye(3).to_sparse(),
        "small": torch.ones(2, dtype=torch.float8_e5m2),
        "plain": torch.ones(2),
    }
    torch.save(content, tmp_path / "file.pt")
    read = read_checkpoint(tmp_path / "file.pt")
    assert isinstance(read["sparse"], Stub)
    assert isinstance(read["small"], Stub)
    assert torch.equal(read["plain"], torch.ones(2))


def test_attributes_of_tensors_are_left_out(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    weight.note = "mine"
    torch.save({"weight": weight}, tmp_path / "file.pt")
    assert torch.equal(read_checkpoint(tmp_path / "file.pt")["weight"], torch.ones(2))


def test_archives_are_checked(tmp_path):
    content = program({"a": 1})
    assert "compressed" in refused(archive(tmp_path, content, zipfile.ZIP_DEFLATED))
    assert "big-endian" in refused(archive(tmp_path, content, byteorder=b"big"))
    archive(tmp_path, content)
    with zipfile.ZipFile(tmp_path / "file.pt", "a") as file:
        file.writestr("other/data.pkl", content)
    assert "not one that torch.save writes" in refused(tmp_path / "file.pt")
    assert read_checkpoint(archive(tmp_path, content, byteorder=b"little")) == {"a": 1}


def test_other_files_are_refused_with_the_reason(tmp_path):
    path = tmp_path / "file.pt"
    assert refused(path).startswith("not found")
    path.write_bytes(b"")
    assert refused(path).startswith("empty")
    path.write_text("no checkpoint")
    assert "not a checkpoint as torch.save writes it" in refused(path)
    torch.save({"a": Calling(os.mkdir, (str(tmp_path / "canary"),))}, path, _use_new_zipfile_serialization=False)
    assert "in the format of PyTorch before 1.6" in refused(path)
    assert refused(tmp_path).startswith("not a file")
    assert not (tmp_path / "canary").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "file.pt"
    torch.save({"weights": torch.nn.Linear(8, 8).state_dict(), "args": {"a": [1, 2.5, "x"]}}, path)
    return path.read_bytes()


def test_truncated_files_are_refused_wherever_they_end(tmp_path, whole):
    for end in range(4, len(whole) - 1, len(whole) // 60):
        (tmp_path / "file.pt").write_bytes(whole[:end])
        assert "truncated or damaged" in refused(tmp_path / "file.pt")


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, whole):
    rng, path = random.Random(0), tmp_path / "file.pt"
    damaged = 0
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 8))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        damaged += is_refused(path)
    assert damaged > 50
