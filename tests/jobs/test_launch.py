"""Trainings in several processes of one machine: they need no name of the machine, and none outlives the others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamo.jobs import launch, side_by_side

ROOT = Path(__file__).resolve().parents[2]
# A job that hands itself over to two processes, which add up their numbers and then do as they are told.
JOB = """
import os, signal, sys, time
from pathlib import Path
import torch
from lamo.errors import LamoError
from lamo.jobs import side_by_side
from lamo.jobs.launch import handed_over, is_one_of_several
from lamo.jobs.side_by_side import end_with_parent, hand_in
from lamo.training.distributed import environment, joined

folder, then = Path(os.environ["FOLDER"]), os.environ["THEN"]
side_by_side.SAY_S, side_by_side.END_S = 1.0, 3.0
if is_one_of_several():
    end_with_parent()
try:
    if then == "slow":
        (folder / f"process.{os.environ.get('RANK', 'parent')}").write_text(str(os.getpid()))
        time.sleep(60 if is_one_of_several() else 0)
    if not handed_over({"processes": 2}, 2):
        processes = environment()
        if then == "noting":
            signal.signal(signal.SIGTERM, lambda number, frame: (folder / f"got.{processes.rank}").touch())
        with joined(processes, torch.device("cpu")):
            (folder / f"sum.{processes.rank}").write_text(str(processes.agree(processes.rank + 1)))
            (folder / f"process.{processes.rank}").write_text(str(os.getpid()))
            if then == "killed" and processes.rank:
                os.kill(os.getpid(), signal.SIGKILL)
            if then == "wrong" and processes.rank:
                raise LamoError("the learning rate is too high")
            if then == "deaf" and not processes.rank:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True:
                    time.sleep(1)
            if then == "deaf":
                sys.exit(7)
            while then == "noting" and not (folder / f"got.{processes.rank}").exists():
                time.sleep(0.1)
            while then not in ("end", "noting"):
                processes.wait()
                time.sleep(0.1)
except LamoError as error:
    if not (is_one_of_several() and hand_in(error)):
        sys.exit(f"error: {error}")
    sys.exit(1)
"""


@pytest.fixture
def started(tmp_path):
    processes = []

    def start(then: str, *before: str) -> subprocess.Popen:
        (tmp_path / "job.py").write_text(JOB)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "FOLDER": str(tmp_path), "THEN": then}
        for name in ("RANK", "SLURM_JOB_ID", "GLOO_SOCKET_IFNAME", "MASTER_ADDR", "MASTER_PORT"):
            environment.pop(name, None)
        command = [*before, sys.executable, str(tmp_path / "job.py")]
        processes.append(
            subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, start_new_session=True)
        )
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def sums(folder: Path) -> list[str]:
    return [(folder / f"sum.{rank}").read_text() for rank in (0, 1) if (folder / f"sum.{rank}").exists()]


def until(condition, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


@pytest.mark.skipif(os.getuid() != 0, reason="another host name needs root")
@pytest.mark.parametrize("name", ["gpu-node-17.cluster.invalid", "a" * 60, "localhost.localdomain"])
def test_a_host_name_without_an_address_does_not_matter(started, tmp_path, name):
    job = started("end", "unshare", "--uts", "bash", "-c", f'hostname {name}; exec "$@"', "-")
    try:
        _, said = job.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        pytest.fail("no end after 120 s")
    if "unshare failed" in said:
        pytest.skip(said)
    assert job.returncode == 0, said
    assert sums(tmp_path) == ["2", "2"]


def test_a_process_that_is_killed_ends_the_job(started, tmp_path):
    job = started("killed")
    begin = time.monotonic()
    _, said = job.communicate(timeout=120)
    assert time.monotonic() - begin < 100
    assert job.returncode == 1
    assert sums(tmp_path) == ["2", "2"]
    last = said.splitlines()[-1]
    assert last.startswith("error: process 1 of 2 was ended by signal 9 (Killed)")
    assert "short of memory" in last


def test_processes_do_not_outlive_the_job_that_started_them(started, tmp_path):
    job = started("wait")
    assert until(lambda: len(sums(tmp_path)) == 2 and (tmp_path / "process.1").exists(), 100)
    children = [int((tmp_path / f"process.{rank}").read_text()) for rank in (0, 1)]
    os.kill(job.pid, signal.SIGKILL)

    def gone(process: int) -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    assert until(lambda: all(map(gone, children)), 60)


def test_of_several_errors_the_cause_is_said_alone(started, tmp_path):
    """The other process says that it has lost this one; that follows."""
    _, said = started("wrong").communicate(timeout=120)
    assert said == "error: the learning rate is too high\n"


def test_one_that_does_not_end_after_a_failure_is_said_and_killed(started, tmp_path):
    begin = time.monotonic()
    job = started("deaf")
    _, said = job.communicate(timeout=120)
    assert time.monotonic() - begin < 90
    first, last = said.splitlines()
    assert first == "process 1 of 2 ended with status 7; why stands above; waiting up to 3 s for process 0 of 2"
    assert last == "error: process 1 of 2 ended with status 7; why stands above"


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGUSR1])
def test_a_request_to_stop_reaches_all_processes(started, tmp_path, asked):
    job = started("noting")
    assert until(lambda: len(sums(tmp_path)) == 2, 100)
    os.kill(job.pid, asked)
    _, said = job.communicate(timeout=120)
    assert (job.returncode, said) == (0, "")
    assert [(tmp_path / f"got.{rank}").exists() for rank in (0, 1)] == [True, True]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stop_before_the_training_is_no_lack_of_memory(started, tmp_path, asked):
    job = started("slow")
    assert until(lambda: all((tmp_path / f"process.{rank}").exists() for rank in (0, 1)), 100)
    os.kill(job.pid, asked)
    _, said = job.communicate(timeout=120)
    assert said == f"error: stopped by {asked.name} before the training began; start again\n"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-9, "srun was ended by signal 9 (Killed); it may be that the machine or the job is short of memory"),
        (137, "srun was ended by signal 9 (Killed); it may be that the machine or the job is short of memory"),
        (1, "srun ended with status 1; why stands above"),
    ],
)
def test_how_it_ended_is_said_with_what_to_do(status, words):
    assert side_by_side._end_of(status, "srun").startswith(words)


@pytest.mark.parametrize(
    ("resources", "threads", "gpus", "expected"),
    [
        ({}, 1, 0, None),
        ({}, 2, 0, (2, "1")),
        ({"gpu": 1}, 2, 0, (2, "1")),
        ({}, 3, 0, (3, "1")),
        ({}, 6, 0, (3, "2")),
        ({}, 7, 0, (3, "2")),
        ({}, 16, 0, (4, "4")),
        ({"nodes": 2, "processes": 1}, 16, 0, (1, "16")),
        ({"processes": 1}, 16, 0, None),
        ({"processes": 3}, 2, 0, (3, "1")),
        ({"gpu": 1}, 16, 4, None),
        ({"gpu": 4}, 16, 4, (4, "4")),
    ],
)
def test_processes_by_gpus_or_by_threads(monkeypatch, resources, threads, gpus, expected):
    for name in ("RANK", "WORLD_SIZE", launch.STEP):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launch, "gpus_here", lambda: [str(number) for number in range(gpus)])
    begun = []
    monkeypatch.setattr(launch, "run", lambda starts, forwarded: begun.extend(starts))
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "1")  # which is set for the record, and set back after the test
    assert launch.handed_over(resources, threads) == (expected is not None)
    found = (len(begun), begun[0].environment["OMP_NUM_THREADS"]) if begun else None
    assert found == expected
    if "nodes" not in resources:
        assert [one.environment["RANK"] for one in begun] == [str(rank) for rank in range(len(begun))]
