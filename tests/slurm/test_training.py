"""Trainings through a real SLURM: taken away and queued again, and on two nodes at once."""

import json
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from runs import LIMIT_S, command, jobs_since, locally, on_cluster, rule_of, run, start, tiny

MODEL = "results/tiny/02_midway/model.safetensors"
EXACT = "mixed_precision: false"
TRAINING = f"training: {{steps: 400, batch: 4, validate_every: 100, {EXACT}}}"
LONG = ["--config", f"midway={{{TRAINING}}}", "seed=3"]
# A checkpoint at every logged step.
OFTEN = "midway_train:checkpoint_minutes=0"


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    """A working directory with the frames of the tiny run."""
    targets = [f"results/tiny/01_frames/frames/{place}.manifest.json" for place in ("train/0", "train/1", "val/0")]
    directory = tmp_path_factory.mktemp("frames") / "run"
    locally(directory, "--", *targets)
    return directory


@pytest.fixture(scope="module")
def straight(frames, tmp_path_factory) -> Path:
    """The results of the long training by one process that was left alone."""
    directory = copied(frames, tmp_path_factory.mktemp("straight") / "run")
    locally(directory, *LONG, "--", MODEL)
    return directory


def copied(frames: Path, directory: Path) -> Path:
    return shutil.copytree(frames, directory, symlinks=True)


def through_slurm(directory: Path, *resources: str) -> list[str]:
    arguments = [*tiny(directory), *on_cluster(), *LONG, "--set-resources", *resources]
    return command(directory, *arguments, "--", MODEL)


def until_it_is_at_work(directory: Path, process) -> None:
    """Wait for a checkpoint of the dynamics that is not their last."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        steps = [int(path.name.removeprefix("step-")) for path in directory.rglob("dynamics/step-*")]
        if steps and max(steps) >= 20:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0][-4000:])


def log(directory: Path) -> str:
    return (directory / "results/tiny/logs/02_midway/midway_train.log").read_text()


def test_a_training_that_is_queued_again_ends_with_the_same_bits(cluster, frames, straight, tmp_path):
    directory, first = copied(frames, tmp_path / "run"), len(cluster.jobs())
    process = start(through_slurm(directory, OFTEN), cluster.environment)
    until_it_is_at_work(directory, process)
    job = next(job for job in jobs_since(cluster, first) if rule_of(job) == "midway_train")
    cluster.client("scontrol", "requeue", job["JobId"])
    output = process.communicate(timeout=LIMIT_S)[0]
    assert process.returncode == 0, output[-6000:]
    (again,) = jobs_since(cluster, first)
    assert (again["JobId"], again["JobState"], again["Restarts"]) == (job["JobId"], "COMPLETED", "1")
    assert "going on at step" in log(directory)
    assert (directory / MODEL).read_bytes() == (straight / MODEL).read_bytes()
    assert not (directory / "results/tiny/checkpoints/02_midway/midway_train").exists()


def test_a_training_that_is_asked_to_stop_keeps_a_checkpoint_and_the_next_attempt_goes_on(
    cluster, frames, straight, tmp_path
):
    directory, first = copied(frames, tmp_path / "run"), len(cluster.jobs())
    # No checkpoints but the one of the signal.
    process = start(through_slurm(directory, "midway_train:checkpoint_minutes=600"), cluster.environment)
    end = time.monotonic() + LIMIT_S
    while not list(directory.rglob("pretraining/step-*")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    job = next(job for job in jobs_since(cluster, first) if rule_of(job) == "midway_train")
    cluster.client("scancel", "--signal=USR1", job["JobId"])
    output = process.communicate(timeout=LIMIT_S)[0]
    assert process.returncode == 0, output[-6000:]
    jobs = jobs_since(cluster, first)
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert "stopped by SIGUSR1" in output + log(directory) or "going on at step" in log(directory)
    assert (directory / MODEL).read_bytes() == (straight / MODEL).read_bytes()


def test_two_nodes_share_the_batches_of_one(cluster, frames, straight, tmp_path):
    directory, first = copied(frames, tmp_path / "run"), len(cluster.jobs())
    shape = ("nodes=2", "tasks=2", "tasks_per_gpu=0", "mpi=srun", "gpu=2")
    environment = {**cluster.environment, "GLOO_SOCKET_IFNAME": "lo"}
    run(through_slurm(directory, *(f"midway_train:{one}" for one in shape)), environment)
    (job,) = jobs_since(cluster, first)
    assert (job["NumNodes"], job["JobState"]) == ("2", "COMPLETED")
    record = json.loads((directory / "results/tiny/provenance/02_midway/midway_train.json").read_text())
    assert record["device"]["processes"] == 2
    logs = [pd.read_parquet(one / "results/tiny/02_midway/log.parquet") for one in (straight, directory)]
    assert logs[0]["step"].tolist() == logs[1]["step"].tolist()
    # Rounding grows with the steps; at the first ones it is rounding.
    early = [one["loss"][:3].tolist() for one in logs]
    assert early[0] == pytest.approx(early[1], rel=1e-3)
