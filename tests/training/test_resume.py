"""Every training, killed without warning or asked to stop at any moment, ends with the bits of one left alone."""

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from training.small_trainings import TRAININGS, differences, end_state

from lamo.training import checkpoint, state_files
from lamo.training.checkpoint import Checkpoints
from lamo.training.loop import Training
from lamo.training.session import Session
from lamo.training.signals import Stopped

# Steps done. An epoch of the decoder's 16 rows ends with the second.
BETWEEN, EPOCH_END = 3, 4
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork.*:DeprecationWarning")


def run(train: Callable[[Session], None], folder: Path, workers: int = 0) -> None:
    session = Session(workers=workers, checkpoints=Checkpoints(folder, every_s=0.0))
    with session.stop.listening():
        train(session)


def in_child(body: Callable[[], None]) -> int:
    """Run `body` in a forked process; its wait status."""
    child = os.fork()
    if not child:
        try:
            body()
        except Stopped:
            os._exit(3)
        except BaseException:  # noqa: BLE001 - the forked process must not go on as pytest
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """End states of trainings that were left alone, by name."""
    found = {}

    def of(name):
        if name not in found:
            folder = tmp_path_factory.mktemp(name)
            assert in_child(lambda: run(TRAININGS[name], folder)) == 0
            found[name] = end_state(folder)
        return found[name]

    return of


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(done: int, phase: str, act: Callable[[], None]) -> None:
    """Have this process `act` when it has done so many steps of the trainings whose description has `phase` in it."""
    original = Training._after

    def acting(self, at, checked, last):
        if at == done and phase in self.description:
            act()
        original(self, at, checked, last)

    Training._after = acting


def while_writing(count: int) -> None:
    """Have this process die when half of its `count`-th checkpoint is written."""
    original, written = state_files.save_file, []

    def dying(tensors, path):
        original(tensors, path)
        written.append(path)
        if len(written) == count:
            os.truncate(path, path.stat().st_size // 2)
            die()

    state_files.save_file = dying


def before_old_ones_are_removed() -> None:
    checkpoint.KEEP = 1
    checkpoint.shutil.rmtree = lambda path: die()


MOMENTS = {
    "between": lambda: after(BETWEEN, "", die),
    "epoch's end": lambda: after(EPOCH_END, "", die),
    "first step": lambda: after(1, "", die),
    "writing": lambda: while_writing(2),
    "removing": before_old_ones_are_removed,
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", TRAININGS)
def test_killed_and_started_again_it_ends_with_the_same_bits(straight, tmp_path, name, moment):
    def killed():
        MOMENTS[moment]()
        run(TRAININGS[name], tmp_path)

    status = in_child(killed)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert in_child(lambda: run(TRAININGS[name], tmp_path)) == 0
    assert differences(end_state(tmp_path), straight(name)) == []
    assert not list(tmp_path.rglob("*.partial*"))


@pytest.mark.parametrize("name", TRAININGS)
def test_killed_with_worker_processes_it_ends_with_the_same_bits(straight, tmp_path, name):
    def killed():
        after(BETWEEN, "", die)
        run(TRAININGS[name], tmp_path, workers=2)

    assert os.WIFSIGNALED(in_child(killed))
    assert in_child(lambda: run(TRAININGS[name], tmp_path, workers=2)) == 0
    assert differences(end_state(tmp_path), straight(name)) == []


@pytest.mark.parametrize("name", TRAININGS)
def test_asked_to_stop_it_keeps_that_step_and_goes_on_to_the_same_bits(straight, tmp_path, name):
    def asked():
        after(BETWEEN, "", lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(TRAININGS[name], tmp_path)

    assert os.waitstatus_to_exitcode(in_child(asked)) == 3
    assert f"step-{BETWEEN:09d}" in {path.name for path in tmp_path.rglob("step-*")}
    assert in_child(lambda: run(TRAININGS[name], tmp_path)) == 0
    assert differences(end_state(tmp_path), straight(name)) == []


def test_of_two_phases_the_first_is_not_done_again(straight, tmp_path):
    def killed():
        after(BETWEEN, "dynamics", die)
        run(TRAININGS["compact"], tmp_path)

    assert os.WIFSIGNALED(in_child(killed))

    def again():
        after(1, "pre-training", die)
        run(TRAININGS["compact"], tmp_path)

    assert in_child(again) == 0
    assert differences(end_state(tmp_path), straight("compact")) == []


def test_a_training_that_goes_on_from_nothing_would_be_noticed(straight, tmp_path):
    """The comparison can fail: without the generators' state the noise differs."""

    def killed():
        after(BETWEEN, "", lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(TRAININGS["flow"], tmp_path)

    in_child(killed)

    def forgetful():
        checkpoint.GeneratorState.load_state_dict = lambda self, state: None
        run(TRAININGS["flow"], tmp_path)

    assert in_child(forgetful) == 0
    assert any("model" in path for path in differences(end_state(tmp_path), straight("flow")))
