"""Locks of runs, held by real processes that are killed."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lamo.errors import LamoError
from lamo.jobs import lock
from lamo.jobs.lock import Locks

HOLD = """
import sys, os, time
from lamo.jobs.lock import Locks
locks = Locks()
{body}
print(os.getpid(), flush=True)
time.sleep(600)
"""


@contextmanager
def process(body: str) -> Iterator[subprocess.Popen]:
    """A process that runs `body` and then lives until it is killed; `locks` are its locks."""
    command = [sys.executable, "-c", HOLD.format(body=body)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert int(started.stdout.readline()) == started.pid
        yield started
    finally:
        with_children = (
            [*psutil.Process(started.pid).children(recursive=True), started] if alive(started) else [started]
        )
        for one in with_children:
            one.kill()
        started.wait()
        started.stdout.close()


def alive(started: subprocess.Popen) -> bool:
    return started.poll() is None


def kill(started: subprocess.Popen) -> None:
    """As a machine that is out of memory does: without children, without a chance to tidy up."""
    os.kill(started.pid, signal.SIGKILL)
    started.wait()


def refusal(act, *arguments) -> str:
    with pytest.raises(LamoError) as caught:
        act(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(lock, "AFTER_KILL_S", 0.5)
    monkeypatch.setattr(lock, "JOB_WAIT_S", 0.5)
    return tmp_path / "results" / "run"


@pytest.fixture
def locks() -> Iterator[Locks]:
    with Locks() as locks:
        yield locks


def test_a_live_run_refuses_a_second_start_and_says_which_process_it_is(run, locks):
    with process(f"locks.write({str(run)!r}, 'the Snakemake of the run run')") as first:
        began = time.monotonic()
        text = refusal(locks.write, run, "another")
        assert time.monotonic() - began < 0.4, "a Snakemake that lives is not waited for"
        assert f"{run}: in use by the Snakemake of the run run (process {first.pid} on {os.uname().nodename}" in text
        assert "end it, then start again" in text
        # Again, after somebody has looked.
        refusal(locks.write, run, "another")
        kill(first)
        locks.write(run, "another")
    assert [path.name for path in (run / "locks").iterdir()] == ["run.lock"]


def test_what_is_released_can_be_taken_and_leaves_no_file(run, locks):
    with Locks() as first:
        first.write(run, "first")
        refusal(locks.write, run, "second")
    assert not (run / "locks").exists()
    locks.write(run, "second")


def test_runs_beside_each_other_do_not_know_of_each_other(run, locks):
    with process(f"locks.write({str(run)!r}, 'a')") as first, process(f"locks.write('{run}b', 'b')") as second:
        kill(first)
        locks.write(run, "a again")
        assert alive(second)
        refusal(locks.write, f"{run}b", "b again")


def test_readers_read_together_and_nobody_writes_meanwhile(run, locks):
    run.mkdir(parents=True)
    with process(f"locks.read({str(run)!r}, 'the Snakemake of the run one', 'one')") as reader:
        locks.read(run, "two", "two")
        with Locks() as writer:
            assert "in use by the Snakemake of the run one" in refusal(writer.write, run, "the run itself")
        kill(reader)
        # A reader that makes missing stages of the run it reads: its own lock does not stop it.
        locks.write(run, "two")


def test_a_run_that_is_written_to_is_not_read(run, locks):
    with process(f"locks.write({str(run)!r}, 'the Snakemake of the run run')"):
        assert "in use by the Snakemake of the run run" in refusal(locks.read, run, "one", "one")


def test_a_job_that_outlives_its_snakemake_is_waited_for_and_then_refuses_a_start(run, locks, caplog):
    with process(f"locks.job({str(run)!r}, '02_midway.midway_train', 'the job 02_midway.midway_train')") as job:
        text = refusal(locks.write, run, "the Snakemake")
        assert f"in use by the job 02_midway.midway_train (process {job.pid} on" in text
        assert "waiting up to 0 s for its end" in caplog.text or "waiting up to 1 s" in caplog.text
        refusal(locks.read, run, "a reader", "one")
        kill(job)
        locks.write(run, "the Snakemake")


def test_a_job_that_ends_in_time_lets_the_start_go_on(run, locks, monkeypatch):
    monkeypatch.setattr(lock, "AFTER_KILL_S", 20.0)
    with process(f"locks.job({str(run)!r}, 'a', 'a'); import threading; threading.Timer(1, os._exit, (0,)).start()"):
        locks.write(run, "the Snakemake")


def test_no_job_is_at_work_twice_and_others_are_not_hindered(run, locks):
    with process(f"locks.job({str(run)!r}, '02_midway.midway_train', 'the job')") as job:
        assert f"process {job.pid}" in refusal(locks.job, run, "02_midway.midway_train", "the same")
        locks.job(run, "02_midway.midway_import", "another")
        kill(job)
        locks.job(run, "02_midway.midway_train", "the same")


def test_children_of_a_killed_job_hold_its_lock(run, locks):
    body = f"locks.job({str(run)!r}, 'a', 'the job')\nif os.fork() == 0:\n    time.sleep(600)"
    with process(body) as job:
        (child,) = psutil.Process(job.pid).children()
        kill(job)
        refusal(locks.job, run, "a", "the same")
        child.kill()
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
        locks.job(run, "a", "the same")


def test_processes_that_share_a_job_hold_its_lock_until_the_last_has_ended(run, locks):
    first = f"locks.job({str(run)!r}, 'a', 'the job')"
    with process(first) as job, process(f"locks.join_job({str(run)!r}, 'a')") as helper:
        kill(job)
        assert f"process {job.pid}" in refusal(locks.job, run, "a", "the same")
        kill(helper)
        locks.job(run, "a", "the same")


def test_processes_of_a_job_that_ended_by_itself_hold_its_lock(run, locks):
    job = Locks()
    job.job(run, "a", "the job")
    with process(f"locks.join_job({str(run)!r}, 'a')") as helper:
        job.release()
        assert f"process {os.getpid()}" in refusal(locks.job, run, "a", "the same")
        kill(helper)
        locks.job(run, "a", "the same")


def test_a_helper_that_ends_leaves_the_lock_of_the_job(run, locks):
    with process(f"locks.job({str(run)!r}, 'a', 'the job')"):
        with Locks() as helper:
            helper.join_job(run, "a")
        refusal(locks.job, run, "a", "the same")


def test_a_helper_without_a_job_locks_nothing(run, locks):
    locks.join_job(run, "a")
    assert not run.exists()


def test_locks_that_came_with_a_copy_of_the_run_hold_nothing(run, locks):
    (run / "locks").mkdir(parents=True)
    for name in ("run", "reader.other", "job.a"):
        (run / "locks" / f"{name}.lock").write_text('{"what": "from elsewhere", "pid": 1, "host": "other"}')
    locks.write(run, "the Snakemake")
    assert [path.name for path in (run / "locks").glob("*.lock")] == ["run.lock"]


def test_where_the_file_system_has_no_locks_it_is_said_once(run, locks, monkeypatch, caplog):
    def none(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    locks.write(run, "the Snakemake")
    locks.job(run, "a", "a job")
    assert caplog.text.count("has no locks (No locks available)") == 1
    assert "start it once only" in caplog.text


def test_a_run_of_another_user_can_be_read_and_it_is_said_that_its_owner_will_not_know(run, locks, monkeypatch, caplog):
    run.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    locks.read(run, "the Snakemake of the run mine", "mine")
    assert not (run / "locks").exists()
    assert "will not know of the Snakemake of the run mine" in caplog.text


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_of_many_that_start_at_once_one_gets_the_run(run):
    code = (
        "import time\nfrom lamo.errors import LamoError\nfrom lamo.jobs.lock import Locks\nlocks = Locks()\n"
        f"try:\n    locks.write({str(run)!r}, 'one of many')\n    print('has it')\n"
        "except LamoError:\n    print('not')\ntime.sleep(6)\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [one.communicate(timeout=60)[0].strip() for one in started]
    assert sorted(said) == ["has it", *["not"] * 5]


def test_turns_are_taken_one_at_a_time(run):
    """Six processes add to a number, which would lose some if two had the turn at once."""
    run.mkdir(parents=True)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom lamo.jobs.lock import _turn\n"
        f"number = Path({str(run)!r}) / 'number'\n"
        "for _ in range(30):\n    with _turn(number.parent / 'locks'):\n"
        "        before = int(number.read_text()) if number.exists() else 0\n        time.sleep(0.001)\n"
        "        number.write_text(str(before + 1))\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [one.wait(timeout=120) for one in started] == [0] * 4
    assert (run / "number").read_text() == "120"
