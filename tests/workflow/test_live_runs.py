"""Runs that live are left alone: by a second start, by runs beside them that are killed, and by what only looks."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from workflow.conftest import ROOT, Workflow, environment

LIMIT_S = 120
# A training that does not end by itself.
ENDLESS = "midway={training: {steps: 200000, validate_every: 0}}"
MODEL = ("02_midway/model.safetensors",)
OVER_TINY = ("run=over", "share={run: tiny, stages: [frames, features]}", ENDLESS)


def wait_until(condition: Callable[[], object], process: subprocess.Popen, output: Path) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert process.poll() is None, output.read_text()[-4000:]
        assert time.monotonic() < end, output.read_text()[-4000:]
        time.sleep(0.1)


@contextmanager
def live(workflow: Workflow, *config: str, run: str = "tiny") -> Iterator[subprocess.Popen]:
    """A run whose Midway Network is being trained, without end; at the end of the body all of it is killed."""
    results = workflow.results.with_name(run)
    output = workflow.directory / f"{run}.out"
    command = workflow.command("--cores", "1", config=config)
    command[command.index("--") :] = ["--", *(f"results/{run}/{target}" for target in MODEL)]
    with output.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(lambda: holder(results, "job.02_midway.midway_train"), process, output)
        yield process
    finally:
        kill_all(process)
        kill_job(results)


def kill_job(results: Path) -> None:
    end = time.monotonic() + LIMIT_S
    while (job := holder(results, "job.02_midway.midway_train")) is not None:
        os.kill(job, signal.SIGKILL)
        assert time.monotonic() < end
        time.sleep(0.05)


def kill_all(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def holder(results: Path, name: str) -> int | None:
    """The live process that has put a lock of that name into the folder of the run."""
    path = results / "locks" / f"{name}.lock"
    try:
        process = psutil.Process(int(json.loads(path.read_text())["pid"]))
        return None if process.status() == psutil.STATUS_ZOMBIE else process.pid
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None


def refused(workflow: Workflow, *config: str, run: str = "tiny") -> str:
    """The one line with which a start is refused."""
    target = f"../{run}/{MODEL[0]}" if run != "tiny" else MODEL[0]
    began = time.monotonic()
    output = workflow.run(config=config, targets=(target,), succeeds=False)
    assert time.monotonic() - began < LIMIT_S
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if "start again" in line]
    return line


@pytest.fixture
def copy(tiny, tmp_path):
    return tiny.copied(tmp_path / "run")


def test_a_live_run_is_left_alone_whoever_was_killed_beside_it(copy):
    shutil.copytree(copy.results, copy.results.with_name("beside"))
    with live(copy, ENDLESS) as process:
        with live(copy, ENDLESS, "run=beside", run="beside"):
            pass
        job = holder(copy.results, "job.02_midway.midway_train")
        for _ in range(2):
            line = refused(copy, ENDLESS)
            assert f"in use by the Snakemake of the run tiny (process {process.pid} on {os.uname().nodename}" in line
            # What people try next removes Snakemake's locks, and not ours.
            copy.run("--unlock", targets=MODEL)
        assert "This was a dry-run" in copy.run("--dry-run", config=(ENDLESS,), targets=MODEL)
        explained(copy, ENDLESS)
        copy.run("--summary", targets=MODEL)
        copy.run("--list-rules")
        assert process.poll() is None
        assert holder(copy.results, "run") == process.pid
        assert holder(copy.results, "job.02_midway.midway_train") == job
        assert psutil.pid_exists(job)
    copy.run("--dry-run", config=(ENDLESS,), targets=MODEL)


def test_a_run_that_ends_leaves_the_locks_of_another_to_it(copy):
    with live(copy, ENDLESS) as process:
        copy.run(config=("run=beside",), targets=("../beside/01_frames/world/videos/val.manifest.json",))
        assert not list((copy.results.with_name("beside") / "locks").glob("*.lock"))
        assert f"process {process.pid} on" in refused(copy, ENDLESS)


def test_a_job_that_outlives_its_killed_snakemake_is_not_joined_by_a_second(copy):
    with live(copy, ENDLESS) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        job = holder(copy.results, "job.02_midway.midway_train")
        line = refused(copy, ENDLESS)
        assert f"in use by the job 02_midway.midway_train (process {job} on" in line
        assert holder(copy.results, "job.02_midway.midway_train") == job
        kill_job(copy.results)
        with live(copy, ENDLESS):
            assert holder(copy.results, "job.02_midway.midway_train") != job


def test_neither_of_two_runs_that_share_stages_takes_them_from_under_the_other(copy):
    with live(copy, ENDLESS) as process:
        line = refused(copy, *OVER_TINY, run="over")
        assert f"results/tiny: in use by the Snakemake of the run tiny (process {process.pid} on" in line
    with live(copy, *OVER_TINY, run="over") as process:
        line = refused(copy, ENDLESS)
        assert f"results/tiny: in use by the Snakemake of the run over (process {process.pid} on" in line
        # A second reader does no harm.
        second = ("run=second", OVER_TINY[1])
        assert "Nothing to be done" in copy.run(config=second, targets=("01_frames/clips.parquet",))
        assert process.poll() is None


def explained(workflow: Workflow, *config: str) -> str:
    command = workflow.command(config=config, targets=MODEL)
    place = command.index("snakemake")
    command[place : place + 1] = ["lamo", "explain"]
    done = subprocess.run(command, cwd=workflow.root, text=True, capture_output=True, check=True)
    return done.stdout
