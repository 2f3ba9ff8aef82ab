"""A run that is killed again and again ends with the tables of one that was left alone."""

import os
import subprocess
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
# The rule during which each kill falls, and by which file it is known to be at work.
MOMENTS = {
    "frames_decode": "logs/01_frames/frames_decode.train.0.log",
    "midway_train": "logs/02_midway/midway_train.log",
    "latents_encode": "logs/03_latents/latents_encode.val.0.log",
    "rollouts_predict": "logs/06_rollouts/rollouts_predict.gmm.seed0.gmm.log",
    "metrics_score": "logs/07_metrics/metrics_score.log",
}
LIMIT_S = 300


def kill_all(process: subprocess.Popen) -> None:
    """kill -9 of Snakemake and of everything that it started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(family, timeout=10)


def run_until(workflow, file: str) -> None:
    """Start the workflow and kill it as soon as `file` is there."""
    sign = workflow.results / file
    with (workflow.directory / "output.txt").open("w") as output:
        process = subprocess.Popen(
            workflow.command(), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=os.environ.copy()
        )
        end = time.monotonic() + LIMIT_S
        while not sign.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        finished = process.poll()
        if finished is None:
            kill_all(process)
    assert finished is None, (workflow.directory / "output.txt").read_text()[-4000:]
    assert sign.exists(), f"{sign} did not appear in {LIMIT_S} s"


def unfinished(workflow) -> list[Path]:
    return [s for s in workflow.results.rglob("*.zarr") if not s.with_suffix(".manifest.json").exists()]


def test_killed_run_ends_as_an_undisturbed_one(tiny, new_workflow):
    workflow = new_workflow()
    for rule, file in MOMENTS.items():
        run_until(workflow, file)
        assert rule in workflow.would_run(), "what was at work when it was killed runs again"
    workflow.run()
    for name in ("table.csv", "table.md", "table.tex"):
        expected = (tiny.results / "07_metrics" / name).read_bytes()
        assert (workflow.results / "07_metrics" / name).read_bytes() == expected
    for path in tiny.results.rglob("*.manifest.json"):
        assert (workflow.results / path.relative_to(tiny.results)).read_bytes() == path.read_bytes()
    assert not unfinished(workflow)
    assert not list(workflow.results.rglob("*.partial*"))
    assert "Nothing to be done" in workflow.run()
