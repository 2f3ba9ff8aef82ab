"""A run that is killed again and again, at random moments, ends with the tables of one that was left alone."""

import os
import random
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("LAMO_KILL_ROUNDS", "10"))
SEED = int(os.environ.get("LAMO_KILL_SEED", "0"))
# A round is killed up to this long after up to so many further jobs have ended. Both are drawn, no other clock counts:
# so the kills fall on all stages, however fast the machine is.
LONGEST_S = 3.0
MOST_JOBS = 4
TABLES = ("table.csv", "table.md", "table.tex")


@dataclass(frozen=True)
class Kill:
    """What a round came to: after how many further jobs and seconds it was killed, whether the run had ended, how many
    jobs had."""

    after_jobs: int
    after_s: float
    ended: bool
    records: int


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


def ended_jobs(workflow) -> int:
    return len(list((workflow.results / "provenance").rglob("*.json")))


def run_and_kill(workflow, after_jobs: int, after_s: float) -> Kill:
    begin = ended_jobs(workflow)
    with (workflow.directory / "output.txt").open("w") as output:
        process = subprocess.Popen(
            workflow.command(), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=os.environ.copy()
        )
        while process.poll() is None and ended_jobs(workflow) < begin + after_jobs:
            time.sleep(0.05)
        try:
            process.wait(timeout=after_s)
        except subprocess.TimeoutExpired:
            kill_all(process)
    ended = process.returncode == 0
    assert ended or process.returncode == -9, (workflow.directory / "output.txt").read_text()[-4000:]
    return Kill(after_jobs, round(after_s, 1), ended, ended_jobs(workflow))


def check_end(workflow, tiny) -> None:
    """Tables and all manifests of a finished run are those of the undisturbed one, and nothing is left over."""
    for name in TABLES:
        expected = (tiny.results / "07_metrics" / name).read_bytes()
        assert (workflow.results / "07_metrics" / name).read_bytes() == expected
    for path in tiny.results.rglob("*.manifest.json"):
        assert (workflow.results / path.relative_to(tiny.results)).read_bytes() == path.read_bytes()
    assert not [s for s in workflow.results.rglob("*.zarr") if not s.with_suffix(".manifest.json").exists()]
    assert not list(workflow.results.rglob("*.partial*"))
    assert not list(workflow.results.rglob("step-*"))


def test_killed_run_ends_as_an_undisturbed_one(tiny, new_workflow):
    workflow, draw, kills = new_workflow(), random.Random(SEED), []
    while len(kills) < ROUNDS:
        kill = run_and_kill(workflow, draw.randint(0, MOST_JOBS), draw.uniform(0.5, LONGEST_S))
        if kill.ended:
            check_end(workflow, tiny)
            shutil.rmtree(workflow.results)
        else:
            kills.append(kill)
    print("\n", *kills, sep="\n")
    assert len({kill.records for kill in kills}) > 3, "the kills fell on different stages"
    workflow.run()
    check_end(workflow, tiny)
    assert "Nothing to be done" in workflow.run()
