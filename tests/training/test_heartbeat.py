"""Processes of a training that are silent are missed; those that live are waited for."""

import logging
import os
import re
import signal
import socket
import time
import traceback
from datetime import timedelta
from unittest import mock

import pytest
import torch
import torch.distributed as dist

from lamo.errors import LamoError
from lamo.training import distributed, heartbeat
from lamo.training.checkpoint import Checkpoints
from lamo.training.distributed import Processes, joined
from lamo.training.heartbeat import Heartbeat, doing, waiting

CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Limits of seconds in the place of minutes; forked processes have them too."""
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.1)
    monkeypatch.setattr(heartbeat, "SILENCE_S", 3.0)
    monkeypatch.setattr(heartbeat, "SAY_S", 1.0)


@pytest.fixture
def pair():
    """Two heartbeats in one process, and what each says when the other is gone."""
    store, gone = dist.HashStore(), ([], [])
    hearts = [Heartbeat(rank, 2, lambda: store, gone[rank].append) for rank in (0, 1)]
    yield hearts, gone
    for heart in hearts:
        heart.end(in_order=True)


def until(condition, limit_s=20.0) -> bool:
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


def test_one_that_is_silent_is_missed_and_named(pair):
    hearts, gone = pair
    with doing("writes the checkpoint of step 7"):
        time.sleep(0.5)
    hearts[1].end(in_order=False)
    assert until(lambda: gone[0])
    assert f"process 1 of 2 of this training (process id {os.getpid()} on {socket.gethostname()}" in gone[0][0]
    assert "has given no sign of life for 3 s: it was killed or stopped" in gone[0][0]
    assert not gone[1]


def test_one_that_has_ended_is_not_missed(pair):
    hearts, gone = pair
    time.sleep(0.5)
    hearts[1].end(in_order=True)
    time.sleep(4.0)
    assert not gone[0]


def test_those_that_live_are_waited_for_however_long_and_named(pair, caplog):
    _, gone = pair
    with caplog.at_level(logging.WARNING, logger="lamo"), doing("writes the checkpoint of step 7"), waiting():
        time.sleep(4.5)
    assert gone == ([], [])
    texts = [record.getMessage() for record in caplog.records]
    assert any("the others live: process 1 (" in text for text in texts)
    assert "which writes the checkpoint of step 7" in texts[0]


# --- processes ---


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Pair:
    """Two forked processes of a training; what they say is in `folder`."""

    def __init__(self, folder, body, ranks=(0, 1)) -> None:
        self.folder, self.port = folder, free_port()
        self.children = {rank: self._fork(rank, body) for rank in ranks}

    def _fork(self, rank: int, body) -> int:
        child = os.fork()
        if child:
            return child
        try:
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(self.port))
            logging.getLogger("lamo").addHandler(logging.FileHandler(self.folder / f"said.{rank}"))
            processes = Processes(rank, 2, rank)
            with joined(processes, CPU):
                processes.wait()
                (self.folder / f"here.{rank}").touch()
                body(processes, self.folder)
        except LamoError as error:
            (self.folder / f"error.{rank}").write_text(str(error))
            os._exit(3)
        except BaseException:  # noqa: BLE001 - the forked process must not go on as pytest
            traceback.print_exc()
            os._exit(4)
        os._exit(0)

    def here(self) -> bool:
        return until(lambda: all((self.folder / f"here.{rank}").exists() for rank in self.children), 60)

    def end_of(self, rank: int, limit_s: float = 30.0) -> int | None:
        """Its exit status within the limit; None if it had to be killed."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            found, status = os.waitpid(self.children[rank], os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        os.kill(self.children[rank], signal.SIGKILL)
        os.waitpid(self.children[rank], 0)
        return None

    def said(self, rank: int) -> str:
        return (self.folder / f"said.{rank}").read_text()


def steps(processes: Processes, folder) -> None:
    for _ in range(600):
        processes.wait()
        time.sleep(0.05)


def test_one_that_is_killed_ends_the_others_at_once(tmp_path):
    pair = Pair(tmp_path, steps)
    assert pair.here()
    os.kill(pair.children[1], signal.SIGKILL)
    assert pair.end_of(0) == 3
    text = (tmp_path / "error.0").read_text()
    assert "process 0 of 2: another process of this training has ended" in text
    assert "short of memory" in text
    assert pair.end_of(1) == -signal.SIGKILL


@pytest.mark.parametrize("stopped", [0, 1])
def test_one_that_is_stopped_ends_the_others_after_the_limit(tmp_path, stopped):
    """Also the first one, which keeps the store in which signs of life are left."""
    pair = Pair(tmp_path, steps)
    assert pair.here()
    os.kill(pair.children[stopped], signal.SIGSTOP)
    begin = time.monotonic()
    assert pair.end_of(1 - stopped) == 1
    assert time.monotonic() - begin < 15
    # One that is stopped before its first sign arrived has no number yet.
    who = rf"process id {pair.children[stopped]} on |never heard of\)"
    assert re.search(rf"error: process {stopped} of 2 of this training \(({who})", pair.said(1 - stopped))
    assert "start again to go on from the last checkpoint" in pair.said(1 - stopped)
    os.kill(pair.children[stopped], signal.SIGKILL)
    assert pair.end_of(stopped) == -signal.SIGKILL


def slow_checkpoint(processes: Processes, folder) -> None:
    class Slow:
        def state_dict(self):
            time.sleep(8.0)
            return {}

        def load_state_dict(self, state):
            pass

    # The first process writes, far longer than the limit on silence; the other waits for it.
    Checkpoints(folder / "states", processes=processes).save(1, {"slow": Slow()})


def test_a_slow_checkpoint_harms_nobody_and_is_named(tmp_path):
    pair = Pair(tmp_path, slow_checkpoint)
    assert [pair.end_of(rank, 60) for rank in (0, 1)] == [0, 0]
    assert "which writes the checkpoint of step 1" in pair.said(1)
    assert "waiting since" in pair.said(1)
    assert not pair.said(0)


def ends_first(processes: Processes, folder) -> None:
    if processes.rank == 0:
        time.sleep(6.0)


def test_one_that_still_writes_the_result_does_not_miss_one_that_is_done(tmp_path):
    pair = Pair(tmp_path, ends_first)
    assert [pair.end_of(rank, 60) for rank in (1, 0)] == [0, 0]
    assert not pair.said(0)


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_never_comes_is_not_waited_for(tmp_path, monkeypatch, rank):
    monkeypatch.setattr(distributed, "START", timedelta(seconds=3))
    pair = Pair(tmp_path, steps, ranks=(rank,))
    assert pair.end_of(rank, 60) == 3
    text = (tmp_path / f"error.{rank}").read_text()
    assert text.startswith(f"process {rank} of 2 did not find all others at 127.0.0.1, port {pair.port}, within 3 s")
    assert len(text.splitlines()) == 1


def test_an_address_that_nobody_knows_is_named():
    variables = {"MASTER_ADDR": "gpu-node-17.cluster.invalid", "MASTER_PORT": "20000"}
    with mock.patch.dict(os.environ, variables), pytest.raises(LamoError) as caught, joined(Processes(0, 2), CPU):
        pass
    assert "MASTER_ADDR, MASTER_PORT: found 'gpu-node-17.cluster.invalid', '20000'" in str(caught.value)
    assert "set them" in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "127.0.0.1"),
        ({"SLURM_STEP_NUM_NODES": "1", "SLURM_LAUNCH_NODE_IPADDR": "10.1.2.3"}, "127.0.0.1"),
        ({"SLURM_STEP_NUM_NODES": "2", "SLURM_LAUNCH_NODE_IPADDR": "10.1.2.3"}, "10.1.2.3"),
        ({"SLURM_NNODES": "3", "SLURM_LAUNCH_NODE_IPADDR": "10.1.2.3"}, "10.1.2.3"),
        ({"MASTER_ADDR": "10.9.9.9", "SLURM_NNODES": "1"}, "10.9.9.9"),
    ],
)
def test_processes_of_one_machine_meet_at_its_loopback_address(variables, address):
    with mock.patch.dict(os.environ, variables, clear=True):
        assert distributed._meeting_place() == (address, 20000)
        assert os.environ.get("GLOO_SOCKET_IFNAME") == ("lo" if address == "127.0.0.1" else None)
