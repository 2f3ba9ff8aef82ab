"""The jobs of a plan, which Snakemake's dry run says."""

import os
from collections import Counter
from pathlib import Path

import pytest

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.tools.overlay import read_raw
from lamo.tools.plan.jobs import planned_jobs


def jobs_of(name, **sections):
    raw = read_raw([ROOT / "config" / name] if name else [], sections)
    return planned_jobs(raw, load_config(raw), Path("nowhere"))


def test_jobs_and_what_they_ask_for():
    before = (Path.cwd(), dict(os.environ))
    jobs = jobs_of("tiny.yaml")
    assert (Path.cwd(), dict(os.environ)) == before
    count = Counter(job.rule for job in jobs)
    assert (count["world_render"], count["frames_decode"], count["rollouts_predict"]) == (2, 3, 4)
    assert all(job.resources["runtime"] > 0 and job.resources["mem_mb"] > 0 for job in jobs)
    (controls,) = (job for job in jobs if job.rule == "rollouts_controls")
    assert controls.threads == 1
    assert controls.resources["gpu"] == 1


def test_videos_that_are_not_there_yet():
    shards = {"train": 3, "val": 2}
    count = Counter(job.rule for job in jobs_of("bdd100k.yaml", frames={"shards": shards}))
    assert (count["frames_decode"], count["predictors_train"], count["rollouts_predict"]) == (5, 9, 18)
    assert not {"world_render", "frames_info", "metrics_probe"} & set(count)


def test_files_beside_the_videos_have_jobs(tmp_path):
    for part in ("videos/train", "videos/val", "info/100k", "images/100k"):
        (tmp_path / part).mkdir(parents=True)
    jobs = jobs_of("bdd100k.yaml", videos={"root": str(tmp_path)}, frames={"shards": {"train": 1, "val": 1}})
    count = Counter(job.rule for job in jobs)
    assert (count["frames_info"], count["frames_stills"], count["frames_stills_collect"]) == (1, 2, 1)


def test_what_snakemake_refuses_is_said(tmp_path):
    with pytest.raises(LamoError, match=r"midway.checkpoint: found no file .*nowhere"):
        jobs_of(None, midway={"checkpoint": str(tmp_path / "nowhere")})
