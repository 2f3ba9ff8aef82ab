"""Programs in checkpoints build plain data; what they name or call never runs."""

import logging
import os
import pickle
import random
import subprocess
import sys

import pytest
import torch
from hostile_files import Calling, archive, is_refused, program, refused, tensor

from lamo.midway.upstream.pickle_machine import Stub
from lamo.midway.upstream.safe_unpickle import read_checkpoint


def test_objects_of_the_configuration_library_stay_inert(tmp_path):
    # omegaconf.any.thing("x"), then its state.
    found = read_checkpoint(archive(tmp_path, b"\x80\x02comegaconf.any\nthing\nX\x01\0\0\0x\x85R}X\x01\0\0\0aK\x01sb."))
    assert isinstance(found, Stub)
    assert found.state == {"a": 1}


def test_a_name_below_an_admitted_one_is_a_name_only(tmp_path):
    content = b"\x80\x04\x8c\x09omegaconf\x8c\x09os.system\x93\x8c\x05false\x85R."
    assert isinstance(read_checkpoint(archive(tmp_path, content)), Stub)


# What runs where nobody guards against it: the call that pickles, by the name in the file.
CALLS = {
    "posix.system": lambda canary: Calling(os.system, (f"mkdir {canary}",)),
    "posix.mkdir": lambda canary: Calling(os.mkdir, (canary,)),
    "os.makedirs": lambda canary: Calling(os.makedirs, (canary,)),
    "builtins.exec": lambda canary: Calling(exec, (f"import os; os.mkdir({canary!r})",)),
    "builtins.eval": lambda canary: Calling(eval, (f"__import__('os').mkdir({canary!r})",)),
    "subprocess.call": lambda canary: Calling(subprocess.call, (["mkdir", canary],)),
    "pickle.loads": lambda canary: Calling(pickle.loads, (program(Calling(os.mkdir, (canary,))),)),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_do_not_run_and_what_stands_beside_them_is_read(tmp_path, name):
    canary = tmp_path / "canary"
    content = {"student": {"weight": torch.ones(2)}, "args": [CALLS[name](str(canary))]}
    torch.save(content, tmp_path / "file.pt")
    found = read_checkpoint(tmp_path / "file.pt")
    assert torch.equal(found["student"]["weight"], torch.ones(2))
    (call,) = found["args"]
    assert isinstance(call, Stub)
    assert call.name == name
    assert not canary.exists()
    torch.load(tmp_path / "file.pt", weights_only=False)
    assert canary.exists(), "the test is void: the call does nothing even where nobody guards against it"


def test_the_log_names_what_is_passed_over(tmp_path, caplog):
    torch.save({"a": Calling(os.mkdir, ("x",)), "b": torch.ones(1)}, tmp_path / "file.pt")
    with caplog.at_level(logging.INFO, logger="lamo"):
        read_checkpoint(tmp_path / "file.pt")
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'file.pt'}: objects in it that are not loaded: posix.mkdir"
    ]


def raw(text: str) -> bytes:
    return b"\x80\x02" + text.encode("latin1")


# Programs that would do something with Python's own machine, or with one that knows these names.
TRICKS = [
    "cbuiltins\ngetattr\n(cimportlib\nimport_module\n(Vos\ntRVmkdir\ntR(VCANARY\ntR.",
    "ccollections\ndefaultdict\ncposix\nmkdir\n\x85RVCANARY\nK\x01s.",
    "comegaconf\nany\n)R(VCANARY\ntR.",
    "}comegaconf\nany\n)RK\x01s.",
    "ccollections\nOrderedDict\n]](comegaconf\nany\nK\x01ea\x85R.",
    "(VCANARY\niposix\nmkdir\n.",
    "(cposix\nmkdir\nVCANARY\no.",
    "(Vstorage\ncposix\nmkdir\nV0\nVcpu\nK\x04tQ.",
    "cnumpy\ndtype\n(VO8\nK\x00K\x01tR.",
    "cnumpy.core.multiarray\nscalar\n(NVx\ntR.",
    "c_codecs\nencode\n(VCANARY\nVhex\ntR.",
    "clamo.midway.upstream.pickle_machine\nStub\n.",
    "cargparsex\nNamespace\n)\x81}X\x01\0\0\0aK\x01sb.",
    "ccollections\ndeque\n)R(K\x01K\x02e.",
    "ceasydict\nEasyDict\n)\x81(X\x01\0\0\0aK\x01u.",
]
REFUSED = {
    "ccollections\nOrderedDict\n)R(VCANARY\ntR.": "calling an object of dict",
    "ccollections\nOrderedDict\n}b.": "setting the state of an object of Name",
    "comegaconf\nany\n(N}V__code__\nNstb.": "setting the state of an object of Name",
    "K\x07K\x01a.": "putting items into an object of int",
    "]K\x01K\x02s.": "putting items into an object of list",
    "\x82\x01.": "the pickle instruction EXT1",
    "Pposix.mkdir\n.": "the pickle instruction PERSID",
    "VCANARY\nQ.": "a reference to something that is not a storage",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_build_inert_things(tmp_path, trick):
    canary = tmp_path / "canary"
    read_checkpoint(archive(tmp_path, raw(trick.replace("CANARY", str(canary)))))
    assert not canary.exists()


@pytest.mark.parametrize("trick", REFUSED)
def test_what_no_checkpoint_holds_is_refused(tmp_path, trick):
    canary = tmp_path / "canary"
    path = archive(tmp_path, raw(trick.replace("CANARY", str(canary))))
    assert refused(path).startswith(f"refused: {REFUSED[trick]}")
    assert not canary.exists()


def test_nothing_that_is_named_is_imported(tmp_path, monkeypatch):
    (tmp_path / "canary_module.py").write_text(f"import os; os.mkdir({str(tmp_path / 'canary')!r}); thing = print")
    monkeypatch.syspath_prepend(tmp_path)
    found = read_checkpoint(archive(tmp_path, raw("ccanary_module\nthing\n)R.")))
    assert found.name == "canary_module.thing"
    assert "canary_module" not in sys.modules
    assert not (tmp_path / "canary").exists()


def test_a_tensor_takes_no_state(tmp_path):
    content = tensor(0, (2,), (1,))[:-1] + b"(NK\x00K\x01K\x02tb."
    assert "refused: setting the state of an object of Tensor" in refused(archive(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]r\xff\xff\xff\xff.",  # an entry of the memo that would take 32 GB in Python's own unpickler
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",  # bytes of an absurd length
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", b"\x80\x02\x8b\xff\xff\xff\x7f.", b"\x80\x02", b"", b".",
        b"\x80\x020.", b"\x80\x02e.", b"\x80\x02h\x05.", b"\x80\x02\x85.", b"\x80\x02K\x01(u.", b"\xff\xfe",
        b"\x80\x02" + 100_000 * b"(" + 100_000 * b"t",
    ],
)  # fmt: skip
def test_absurd_programs_end_at_once(tmp_path, content):
    path = archive(tmp_path, content)
    assert content.startswith(b"\x80\x02]r") or refused(path)


def test_any_program_is_read_or_refused_in_one_line(tmp_path):
    """Mutated programs inside sound archives, which no checksum betrays."""
    rng, sound = random.Random(0), tensor(0, (2, 2), (2, 1))
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.choice((1, 2, 5))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        is_refused(archive(tmp_path, bytes(data)))
