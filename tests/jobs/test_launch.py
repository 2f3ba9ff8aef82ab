"""Trainings in several processes of one machine: they need no name of the machine, and none outlives the others."""

import os
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
    assert last.startswith("error: 2 processes: at least one of them ended with status 1; what it said stands above")
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


@pytest.mark.parametrize(("status", "words"), [(-9, "ended by signal 9 (Killed)"), (1, "ended with status 1")])
def test_how_it_ended_is_said_with_what_to_do(status, words):
    said = launch._end_of("torchrun", status)
    assert words in said
    assert "short of memory" in said
    assert "batch_parts" in said
