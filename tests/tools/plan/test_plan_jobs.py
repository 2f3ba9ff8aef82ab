"""Numbers of jobs against what Snakemake itself says, and what is read from the rule files."""

import os
import subprocess
import sys

import pytest

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.tools.plan.jobs import asked_for, count_jobs


def dry_run(folder, *arguments):
    """Jobs by rule of a run in an empty folder."""
    (folder / "config").symlink_to(ROOT / "config")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    done = subprocess.run(
        [*command, "--cores", "1", "--dry-run", *arguments],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200"}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    lines = done.stdout.partition("Job stats:")[2].splitlines()[3:]
    counts = (line.split() for line in lines[: lines.index("")])
    return {name: int(count) for name, count in counts if name not in ("all", "total")}


def counted(config):
    return {rule: count for rules in count_jobs(config).values() for rule, count in rules.items()}


@pytest.mark.parametrize("name", [None, "tiny.yaml"])
def test_jobs_are_those_of_a_dry_run(name, config_of, tmp_path):
    arguments = ["--configfile", str(ROOT / "config" / name)] if name else []
    assert counted(config_of(name)) == dry_run(tmp_path, *arguments)


def test_jobs_of_videos_with_all_that_lies_beside_them(config_of, make_video, tmp_path):
    root = tmp_path / "bdd100k"
    for part in ("videos/train", "videos/val", "info/100k", "images/100k"):
        (root / part).mkdir(parents=True)
    for split in ("train", "val"):
        make_video(root / "videos" / split / "a.mp4", 3)
    config = config_of("bdd100k.yaml", videos={"root": str(root)}, frames={"shards": {"train": 3, "val": 2}})
    entries = [f"videos={{root: {root}}}", "frames={shards: {train: 3, val: 2}}"]
    (tmp_path / "run").mkdir()
    found = dry_run(tmp_path / "run", "--configfile", str(ROOT / "config" / "bdd100k.yaml"), "--config", *entries)
    assert counted(config) == found
    assert (found["predictors_train"], found["rollouts_predict"]) == (9, 18)


def test_what_the_rules_ask_for():
    asked = asked_for("rollouts_controls")
    text = (ROOT / "workflow" / "rules" / "06_rollouts.smk").read_text().partition("rule rollouts_controls:")[2]
    assert f"threads: {asked.threads}\n" in text
    assert f"attempt: {asked.memory // 10**6} * attempt" in text
    assert f"attempt: {asked.seconds // 60} * attempt" in text
    with pytest.raises(LamoError, match="rule nothing"):
        asked_for("nothing")


def test_every_rule_of_a_plan_says_what_it_asks_for(config_of):
    for name in (None, "bdd100k.yaml", "compact.yaml"):
        for rule in counted(config_of(name)):
            assert asked_for(rule).seconds > 0
