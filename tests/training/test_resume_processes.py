"""Trainings in several processes, as on the cores of a machine: stopped, they end with the bits of those left alone."""

import os
import signal
from pathlib import Path

import pytest
import torch
from training.small_trainings import TRAININGS, differences, end_state
from training.test_distributed import free_port
from training.test_resume import BETWEEN, after

from lamo.training.checkpoint import Checkpoints
from lamo.training.distributed import Processes, joined
from lamo.training.session import Session
from lamo.training.signals import Stopped

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def run(name: str, folder: Path, count: int, stopped: bool = False) -> list[int]:
    """Train in `count` processes, `stopped` after `BETWEEN` steps or not; their exit statuses, 3 of a stop."""
    port, children = free_port(), []
    for rank in range(count):
        child = os.fork()
        if not child:
            try:
                _train(name, folder, Processes(rank, count, rank), port, stopped)
            except Stopped:
                os._exit(3)
            finally:
                os._exit(1)  # the forked process must not go on as pytest
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _train(name: str, folder: Path, processes: Processes, port: int, stopped: bool) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    if stopped:
        after(BETWEEN, "", lambda: os.kill(os.getpid(), signal.SIGTERM))
    with joined(processes, CPU):
        session = Session(processes=processes, checkpoints=Checkpoints(folder, every_s=1e9, processes=processes))
        with session.stop.listening():
            TRAININGS[name](session)
    os._exit(0)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", ["compact", "decoder", "flow"])
def test_stopped_and_started_again_they_end_with_the_same_bits(tmp_path, name, count):
    assert run(name, tmp_path / "straight", count) == [0] * count
    assert run(name, tmp_path / "again", count, stopped=True) == [3] * count
    assert run(name, tmp_path / "again", count) == [0] * count
    assert differences(end_state(tmp_path / "again"), end_state(tmp_path / "straight")) == []
