"""Jobs side by side on one machine never share a GPU; the GPUs are pretended."""

import fcntl
import logging
import os
import select
import subprocess
import sys
import threading

import pytest

from lamo.errors import LamoError
from lamo.jobs import gpus
from lamo.jobs.gpus import VISIBLE, claimed_gpus, gpus_here

# Claims, says what it got, and holds it until its input ends.
HOLDER = """
import sys
from pathlib import Path
from lamo.jobs.gpus import claimed_gpus
with claimed_gpus(int(sys.argv[1]), Path(sys.argv[2])) as names:
    print(",".join(names), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _pretended(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1,2,3")
    for name in ("SLURM_JOB_ID", "RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def holder(tmp_path):
    started = []

    def start(count):
        command = [sys.executable, "-c", HOLDER, str(count), str(tmp_path)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def claim(process):
    return set(process.stdout.readline().strip().split(","))


def test_jobs_side_by_side_get_different_gpus(holder):
    claims = [claim(process) for process in [holder(1), holder(2), holder(1)]]
    assert sorted(len(one) for one in claims) == [1, 1, 2]
    assert set.union(*claims) == {"0", "1", "2", "3"}


def test_who_finds_too_few_waits_until_they_are_free_also_by_a_kill(holder):
    first, second = holder(3), holder(1)
    taken, left = claim(first), claim(second)
    waiting = holder(2)
    assert select.select([waiting.stdout], [], [], 2.5) == ([], [], [])
    first.kill()
    found = claim(waiting)
    assert len(found) == 2
    assert found <= taken
    assert not found & left


def test_cuda_sees_the_claimed_ones_only_and_afterwards_all(tmp_path):
    with claimed_gpus(2, tmp_path) as names:
        assert os.environ[VISIBLE] == ",".join(names)
        assert gpus_here() == names
        with claimed_gpus(1, tmp_path / "elsewhere") as inner:
            assert set(inner) < set(names)
    assert os.environ[VISIBLE] == "0,1,2,3"


def test_a_rule_that_asks_for_none_sees_none(tmp_path):
    with claimed_gpus(0, tmp_path) as names:
        assert (names, os.environ[VISIBLE], gpus_here()) == ([], "", [])


def test_more_than_there_are_is_an_error(tmp_path):
    with pytest.raises(LamoError, match="gpu: found 5, but this machine has 4"), claimed_gpus(5, tmp_path):
        pass


@pytest.mark.parametrize("variables", [{"SLURM_JOB_ID": "7"}, {"RANK": "1"}, {VISIBLE: ""}])
def test_under_slurm_in_a_started_process_and_without_gpus_nothing_is_claimed(tmp_path, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = os.environ[VISIBLE]
    with claimed_gpus(9, tmp_path / "locks"):
        assert os.environ[VISIBLE] == before
    assert not (tmp_path / "locks").exists()


def test_who_waits_says_which_process_holds_them_and_says_so_again(holder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(gpus, "SAY_AGAIN_S", 1.0)
    monkeypatch.setattr(gpus, "ASK_AGAIN_S", 0.2)
    first = holder(4)
    claim(first)
    threading.Timer(3.0, first.kill).start()
    with caplog.at_level(logging.INFO, logger="lamo"), claimed_gpus(1, tmp_path) as names:
        assert len(names) == 1
    waiting = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert len(waiting) >= 2
    assert waiting[0] == (
        "waiting for 1 of the GPUs 0, 1, 2, 3, which other jobs use ("
        + ", ".join(f"{name} by process {first.pid}" for name in "0123") + ")"
    )  # fmt: skip


def test_a_claimant_that_is_stopped_in_its_turn_is_named(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(gpus, "SAY_AGAIN_S", 0.5)
    monkeypatch.setattr(gpus, "TURN_AFTER_S", 0.5)
    tmp_path.mkdir(exist_ok=True)
    turn = (tmp_path / gpus.CLAIMING).open("a")
    fcntl.flock(turn, fcntl.LOCK_EX)
    threading.Timer(2.0, turn.close).start()
    with caplog.at_level(logging.INFO, logger="lamo"), claimed_gpus(1, tmp_path):
        pass
    waiting = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert waiting
    assert waiting[0].startswith(f"waiting to claim GPUs: another process keeps {tmp_path / gpus.CLAIMING}")


def test_a_process_that_let_its_gpu_go_is_not_named(holder, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(gpus, "ASK_AGAIN_S", 0.2)
    first = holder(3)
    claim(first)
    # Of an earlier job, which has ended: its number still stands in the lock of a GPU that is free.
    (tmp_path / "gpu-3.lock").write_text("123456789\n")
    threading.Timer(3.0, first.kill).start()
    with caplog.at_level(logging.INFO, logger="lamo"), claimed_gpus(2, tmp_path):
        pass
    (waiting,) = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert str(first.pid) in waiting
    assert "123456789" not in waiting
