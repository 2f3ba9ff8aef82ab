"""Checkpoints: what they keep, what they refuse, and what a full or faulty disk leaves."""

import json
import os
import random
import resource
import shutil

import numpy as np
import pytest
import torch
from training.test_resume import in_child

from lamo.errors import LamoError
from lamo.training.checkpoint import Checkpoints, GeneratorState
from lamo.training.distributed import Processes
from lamo.training.seed import random_state, set_random_state
from lamo.training.state_files import read_state, write_state

CPU = torch.device("cpu")


class Numbers:
    def __init__(self, value=0.0, count=1):
        self.value = torch.full((count,), value)

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


def saved(folder, *steps):
    checkpoints = Checkpoints(folder)
    for step in steps:
        checkpoints.save(step, {"numbers": Numbers(float(step))})
    return checkpoints


def restored(folder):
    numbers = Numbers(-1.0)
    return Checkpoints(folder).restore({"numbers": numbers}), float(numbers.value)


def test_nested_values_come_back_as_they_were(tmp_path):
    state = {
        "tensors": [torch.arange(3), torch.rand(2, 2).to(torch.bfloat16)], 7: ("a", None, True, 1.5, -3), "empty": {},
        "huge": 2**80, "tied": {"one": torch.ones(2), "other": torch.ones(2)},
    }  # fmt: skip
    write_state(tmp_path, state)
    found = read_state(tmp_path)
    assert found.keys() == state.keys()
    assert all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found["tensors"], state["tensors"], strict=True)
    )
    assert (found[7], found["empty"], found["huge"]) == (state[7], {}, 2**80)


def test_what_is_no_plain_value_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"state\.a\.0 is a set"):
        write_state(tmp_path, {"a": [set()]})


def test_an_optimiser_goes_on_as_if_it_had_not_stopped(tmp_path):
    def learn(optimizer, weight, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()

    one, other = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = torch.optim.AdamW([one], lr=0.1), torch.optim.AdamW([other], lr=0.5)
    learn(first, one, 3)
    Checkpoints(tmp_path).save(3, {"optimizer": first})
    assert Checkpoints(tmp_path).restore({"optimizer": second}) == 3
    with torch.no_grad():
        other.copy_(one)
    learn(first, one, 2)
    learn(second, other, 2)
    assert torch.equal(one, other)


def test_all_random_numbers_go_on(tmp_path):
    generator = torch.Generator().manual_seed(3)
    Checkpoints(tmp_path).save(1, {"noise": GeneratorState(generator)})

    def drawn():
        return (
            random.random(),
            float(np.random.rand()),  # noqa: NPY002 - what libraries draw from
            float(torch.rand(())),
            float(torch.rand((), generator=generator)),
        )

    expected = drawn()
    assert drawn() != expected
    Checkpoints(tmp_path).restore({"noise": GeneratorState(generator)})
    assert drawn() == expected
    state = json.loads(json.dumps(random_state(CPU)))
    expected = drawn()
    set_random_state(state, CPU)
    assert drawn()[:3] == expected[:3]


def test_the_last_two_are_kept(tmp_path):
    assert saved(tmp_path, 5, 10, 15).steps() == [15, 10]
    assert restored(tmp_path) == (15, 15.0)


def test_without_a_folder_nothing_is_kept_and_nothing_found(tmp_path):
    checkpoints = Checkpoints()
    checkpoints.save(3, {"numbers": Numbers()})
    assert checkpoints.restore({"numbers": Numbers()}) == 0
    assert restored(tmp_path / "nothing") == (0, -1.0)


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_state_is_named_and_the_one_before_it_taken(tmp_path, caplog, file, damage):
    saved(tmp_path, 5, 10)
    path = tmp_path / "step-000000010" / file
    content = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(
        content[:-9] if damage == "cut" else content[:-9] + b"123456789"
    )
    assert restored(tmp_path) == (5, 5.0)
    assert "checkpoint not usable" in caplog.text
    assert "step-000000010" in caplog.text


def test_a_state_of_other_parts_is_refused(tmp_path):
    saved(tmp_path, 5)
    with pytest.raises(LamoError, match=r"found \['numbers'\], expected \['model'\]; delete"):
        Checkpoints(tmp_path).restore({"model": Numbers()})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_state_that_is_not_finite_is_not_kept(tmp_path, value):
    saved(tmp_path, 5)
    with pytest.raises(
        LamoError, match=r"step 6: .*numbers\.value holds values that are not finite; .*of step 5, lies in"
    ):
        Checkpoints(tmp_path).save(6, {"numbers": Numbers(value)})
    assert restored(tmp_path) == (5, 5.0)


def test_on_a_full_disk_the_error_is_clear_and_the_earlier_state_intact(tmp_path):
    saved(tmp_path, 5)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # as if the disk had no more room
        try:
            Checkpoints(tmp_path).save(6, {"numbers": Numbers(1.0, count=100_000)})
        except LamoError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
            (tmp_path / "error").write_text(str(error))
            os._exit(3)

    assert os.waitstatus_to_exitcode(in_child(fill)) == 3
    error = (tmp_path / "error").read_text()
    for part in ("the checkpoint could not be written", "free space", "the last good state, of step 5"):
        assert part in error
    (tmp_path / "error").unlink()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_another_key_finds_nothing_and_leaves_what_is_there(tmp_path, caplog):
    caplog.set_level("INFO")
    first = Checkpoints.keyed(tmp_path, "aaaa", 0.0, Processes(), CPU)
    first.save(5, {"numbers": Numbers(5.0)})
    other = Checkpoints.keyed(tmp_path, "bbbb", 0.0, Processes(), CPU)
    assert other.restore({"numbers": Numbers()}) == 0
    assert "aaaa" in caplog.text
    other.save(1, {"numbers": Numbers()})
    other.remove()
    assert first.steps() == [5]
    first.remove()
    assert not tmp_path.exists()


def test_phases_have_states_of_their_own(tmp_path):
    whole = Checkpoints(tmp_path)
    whole.phase("one").save(5, {"numbers": Numbers(5.0)})
    assert whole.phase("two").restore({"numbers": Numbers()}) == 0
    assert whole.phase("one").restore({"numbers": Numbers()}) == 5
    shutil.rmtree(tmp_path)


def test_states_of_another_number_of_processes_are_taken_up(tmp_path, caplog):
    caplog.set_level("INFO")
    saved(tmp_path, 5)
    path = tmp_path / "step-000000005"
    state = read_state(path)
    state["random"] *= 2
    shutil.rmtree(path)
    path.mkdir()
    write_state(path, state)
    assert restored(tmp_path) == (5, 5.0)
    assert "of 2 processes, this training has 1" in caplog.text
