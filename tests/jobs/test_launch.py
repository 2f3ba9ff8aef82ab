"""Trainings in several processes of one machine: they need no name of the machine, and none outlives the others."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamo.jobs import launch

ROOT = Path(__file__).resolve().parents[2]
# A job that hands itself over to two processes, which add up their numbers and then do as they are told.
JOB = """
import os, signal, sys, time
from pathlib import Path
import torch
from lamo.errors import LamoError
from lamo.jobs.launch import end_with_parent, handed_over, is_one_of_several
from lamo.training.distributed import environment, joined

folder, then = Path(os.environ["FOLDER"]), os.environ["THEN"]
if is_one_of_several():
    end_with_parent()
try:
    if not handed_over({"processes": 2}, 2):
        processes = environment()
        with joined(processes, torch.device("cpu")):
            (folder / f"sum.{processes.rank}").write_text(str(processes.agree(processes.rank + 1)))
            (folder / f"process.{processes.rank}").write_text(str(os.getpid()))
            if then == "killed" and processes.rank:
                os.kill(os.getpid(), signal.SIGKILL)
            if then == "wrong" and processes.rank:
                raise LamoError("the learning rate is too high")
            while then != "end":
                processes.wait()
                time.sleep(0.1)
except LamoError as error:
    sys.exit(f"error: {error}")
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


def test_an_error_that_was_said_is_not_explained_by_another_one(started, tmp_path):
    _, said = started("wrong").communicate(timeout=120)
    lines = said.splitlines()
    assert lines[0] == "error: the learning rate is too high"
    assert re.fullmatch(r"error: process [01] of 2 ended with status 1; why stands above", lines[-1])


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGUSR1])
def test_a_request_to_stop_reaches_all_processes(started, tmp_path, asked):
    job = started("wait")
    assert until(lambda: len(sums(tmp_path)) == 2 and (tmp_path / "process.1").exists(), 100)
    os.kill(job.pid, asked)
    _, said = job.communicate(timeout=120)
    assert job.returncode == 1
    assert "was ended by signal 15 (Terminated)" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("resources", "threads", "gpus", "expected"),
    [
        ({}, 1, 0, None),
        ({}, 2, 0, (2, "1")),
        ({"gpu": 1}, 2, 0, (2, "1")),
        ({}, 16, 0, (4, "4")),
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
    monkeypatch.setattr(launch, "_run", lambda starts, forwarded: begun.extend(starts) or "")
    monkeypatch.setenv("WORLD_SIZE", "1")  # which is set for the record, and set back after the test
    assert launch.handed_over(resources, threads) == (expected is not None)
    found = (len(begun), begun[0].environment["OMP_NUM_THREADS"]) if begun else None
    assert found == expected
    assert [one.environment["RANK"] for one in begun] == [str(rank) for rank in range(len(begun))]
