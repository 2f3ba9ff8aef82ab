"""The jobs of a plan, which Snakemake's dry run says."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.section import lay_over
from lamo.stages import keep_config
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


def test_videos_of_several_folders_have_a_table_of_each():
    videos = {
        "root": {"city": "somewhere/city", "hills": "somewhere/hills"},
        "split": {"city": "folders", "hills": "by_time"},
    }
    rules = {job.rule for job in jobs_of("bdd100k.yaml", videos=videos)}
    assert "metrics_groups" in rules
    assert "metrics_modes" not in rules


def test_files_beside_the_videos_have_jobs(tmp_path):
    for part in ("videos/train", "videos/val", "info/100k", "images/100k"):
        (tmp_path / part).mkdir(parents=True)
    jobs = jobs_of("bdd100k.yaml", videos={"root": str(tmp_path)}, frames={"shards": {"train": 1, "val": 1}})
    count = Counter(job.rule for job in jobs)
    assert (count["frames_info"], count["frames_stills"], count["frames_stills_collect"]) == (1, 2, 1)


def test_what_snakemake_refuses_is_said(tmp_path):
    with pytest.raises(LamoError, match=r"midway.checkpoint: found no file .*nowhere"):
        jobs_of(None, midway={"checkpoint": str(tmp_path / "nowhere")})
    with pytest.raises(LamoError, match=r"midway.training.start: found no file .*nowhere"):
        jobs_of(None, midway={"training": {"start": str(tmp_path / "nowhere")}})


def test_weights_to_begin_with_are_found_by_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "results" / "weights" / "compact", "weights")
    rules = {job.rule for job in jobs_of(None, midway={"training": {"start": "weights"}})}
    assert "midway_train" in rules
    assert "midway_import" not in rules
    midway = {"checkpoint": "weights"}
    shutil.copyfile("weights/model.safetensors", "statistics.safetensors")
    entries = {"flow": {"training": {"start": "weights"}}}
    given = {"latents": {"statistics": "statistics.safetensors"}, "predictors": {"entries": entries}}
    rules = {job.rule for job in jobs_of(None, midway=midway, decoder={"training": {"start": "weights"}}, **given)}
    assert {"midway_import", "latents_statistics", "decoder_train", "predictors_train"} <= rules


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The results of a finished run of videos and a checkpoint, both by relative paths, and its configuration."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        (tmp_path / "videos" / split).mkdir(parents=True)
        (tmp_path / "videos" / split / "a.mp4").touch()
    shutil.copytree(ROOT / "results" / "weights" / "compact", "weights")
    raw = read_raw([], {"run": "base", "videos": {"root": "videos"}, "midway": {"checkpoint": "weights"}})
    results = Path("results")
    jobs = planned_jobs(raw, load_config(raw), results)
    keep_config(load_config(raw).model_dump(mode="json", by_alias=True), results / "base")
    for output in (Path(output) for job in jobs for output in job.outputs):
        if output.suffix in ("", ".zarr"):
            output.mkdir(parents=True)
        else:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
    (results / "base/01_frames/listings").mkdir()
    (results / "base/01_frames/fingerprints.json").write_text("{}")
    # Long ago, so that what a plan makes itself is newer.
    for path in (*Path("weights").iterdir(), *results.rglob("*")):
        os.utime(path, (1.5e9, 1.5e9))
    return results, raw


def sharing(raw, *stages, **sections):
    return lay_over(raw, {"run": "mine", "share": {"run": "base", "stages": list(stages)}, **sections})


def test_shared_stages_have_no_jobs_and_their_run_stays_as_it_is(base):
    results, raw = base
    before = {path: (path.lstat().st_mtime_ns, path.is_symlink()) for path in results.rglob("*")}
    raw = sharing(raw, "frames", "midway", "latents", "decoder", predictors={"entries": {"gmm": None}})
    rules = {job.rule for job in planned_jobs(raw, load_config(raw), results)}
    assert {rule for rule in rules if not rule.startswith(("predictors_", "rollouts_", "metrics_", "model_"))} == set()
    assert {"predictors_train", "rollouts_predict", "metrics_features"} <= rules
    assert {path: (path.lstat().st_mtime_ns, path.is_symlink()) for path in results.rglob("*")} == before


def test_what_is_missing_of_shared_stages_has_jobs(base):
    results, raw = base
    (results / "base/02_midway/model.safetensors").unlink()
    raw = sharing(raw, "frames", "midway")
    rules = {job.rule for job in planned_jobs(raw, load_config(raw), results)}
    assert {"midway_import", "latents_encode"} <= rules
    assert not any(rule.startswith("frames_") for rule in rules)


def test_other_settings_of_shared_stages_are_refused(base):
    results, raw = base
    raw = sharing(raw, "frames", "midway", midway={"checkpoint": None})
    with pytest.raises(LamoError, match=r"midway.checkpoint is None here and 'weights' there \("):
        planned_jobs(raw, load_config(raw), results)
