"""The whole workflow on config/tiny.yaml: what it leaves behind, and what it does when it is called again."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lamo
from lamo.metrics.catalogue import METRICS

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["method", "sampler", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips", "n_samples", "n_seeds"]
METHODS = {
    *("flow", "gmm", "state", "oracle_motion", "constant_motion", "shuffled_motion"),
    *("persistence_pixels", "persistence_blurred", "persistence_latent", "decoder_ceiling", "ideal_futures"),
}

LATENT = {"drift", "energy_score_latent", "spread_latent"}
# Of learned rows: three of motion, one of states.
LIKELIHOODS = {"nll_motion": 3, "nll_state": 1}
FRECHET = {"fd_imagenet", "fd_world"}
KERNEL = {"kid_imagenet", "kid_world"}
# LPIPS takes a file of weights.
EVERYWHERE = {*METRICS, *FRECHET, *KERNEL} - LATENT - LIKELIHOODS.keys() - {"lpips"}


@pytest.fixture(scope="module")
def table(tiny):
    with (tiny.results / "07_metrics" / "table.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_table_has_the_agreed_columns_methods_and_metrics(table):
    assert list(table[0]) == COLUMNS
    assert {row["method"] for row in table} == METHODS
    assert {row["metric"] for row in table} == {*EVERYWHERE, *LATENT, *LIKELIHOODS}
    assert {row["horizon_s"] for row in table} == {"0.2", "0.6", "1"}
    assert {row["sampler"] for row in table if row["method"] == "flow"} == {"flow-2", "flow-4"}
    assert len(table) == (12 * len(EVERYWHERE) + 9 * len(LATENT) + sum(LIKELIHOODS.values())) * 3


def test_table_holds_numbers_but_where_two_samples_or_more_clips_are_needed(table):
    for row in table:
        assert (row["n_clips"], row["n_seeds"]) == ("2", "1")
        several = ("spread", "coverage", "coverage_oracle", "spread_latent")
        pairs = row["metric"] in several and row["n_samples"] == "1"
        if pairs or row["metric"] in FRECHET:  # more windows than features are needed
            assert row["mean"] == row["ci_low"] == row["ci_high"] == ""
        elif row["metric"] in KERNEL:  # of two clips none can be left out
            assert np.isfinite(float(row["mean"]))
            assert row["ci_low"] == row["ci_high"] == ""
        else:
            assert float(row["ci_low"]) <= float(row["mean"]) <= float(row["ci_high"])


def test_comparisons_are_made_where_both_rows_are_there(tiny):
    folder = tiny.results / "07_metrics"
    found = pd.read_csv(folder / "comparisons.csv")
    learned = ["flow-2", "flow-4", "gmm", "state-2"]
    assert list(found.groupby(["first", "second"], sort=False).size().index) == [
        ("flow-4", "state-2"),
        *((name, "constant_motion") for name in learned),
    ]
    assert (found.groupby(["first", "second", "horizon_s"]).size() == 6).all()
    of_eight_windows = found["metric"] == "fd_imagenet"
    for column in ("difference", "ci_low", "ci_high"):
        assert (found[column].isna() == of_eight_windows).all()
    for name in ("comparisons.md", "comparisons.txt"):
        text = " ".join((folder / name).read_text(encoding="utf-8").split())
        assert "this run lacks a row: flow-4 over flow-50" in text
    for name, width in (("table.md", 320), ("table_samples.md", 64)):
        said = f"It is n/a: with {width} features it takes at least {width + 1} windows, this run has 8"
        assert said in (folder / name).read_text(encoding="utf-8")


def test_people_see_the_table_and_where_the_files_lie(tiny):
    output = (tiny.directory / "output.txt").read_text()
    assert "after 1 s" in output
    assert "oracle motion" in output
    assert "flow-4 over state-2" in output
    for name in ("table.csv", "table_samples.md", "comparisons.md", "contact_sheet.png", "figures", "videos"):
        assert f"results/tiny/07_metrics/{name}" in output


def test_long_stages_show_a_bar_with_rate_and_time_left(tiny):
    output = (tiny.directory / "output.txt").read_text()
    for stage in ("rendering train", "decoding", "midway: dynamics", "latents", "decoder", "flow seed 0", "flow-4"):
        assert f"{stage}" in output
    assert "step/s" in output


def test_pictures_can_be_opened(tiny):
    folder = tiny.results / "07_metrics"
    for path in [folder / "contact_sheet.png", *(folder / "figures").glob("*.png")]:
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    pictures = sorted(path.stem for path in (folder / "figures").glob("*.png"))
    assert len(pictures) == 8
    for ending, start in ((".pdf", b"%PDF"), (".svg", b"<?xml")):
        files = sorted((folder / "figures").glob(f"*{ending}"))
        assert [path.stem for path in files] == pictures
        assert all(path.read_bytes().startswith(start) for path in files)
    assert [path.name for path in sorted((folder / "videos").glob("*.mp4"))] == ["rollout-1.mp4"]


def motion_levels(workflow) -> int:
    midway = json.loads((workflow.results / "02_midway" / "config.json").read_text(encoding="utf-8"))
    return len(midway["midway"]["encoder"]["levels"]) - 1


def test_probe_has_every_input_and_target(tiny):
    folder = tiny.results / "07_metrics"
    probe = pd.read_csv(folder / "probe.csv")
    count = motion_levels(tiny)
    levels = {f"motion_level_{level}" for level in range(count)} if count > 1 else set()
    assert set(probe["input"]) == {"motion_all", *levels, "motion_shuffled", "state_mean", "state_regions"}
    assert set(probe["target"]) == {"speed", "yaw_rate"}
    assert set(zip(probe["n_clips"], probe["n_steps"], strict=True)) == {(2, 38)}
    assert (probe["r2"] <= 1).all()
    assert probe["rmse"].notna().all()
    assert "tiny: linear (ridge) regression" in (folder / "probe.md").read_text(encoding="utf-8")


def test_token_groups_are_measured_in_windows_of_all_held_out_clips(tiny):
    groups = pd.read_csv(tiny.results / "07_metrics" / "token_groups.csv")
    assert list(groups["group"][groups["measure"] == "pixels"]) == [
        *("token_0", "token_1", "token_2"),
        *(f"level_{level}" for level in range(motion_levels(tiny))),
        "all",
    ]
    assert set(zip(groups["n_windows"], groups["n_clips"], strict=True)) == {(4, 2)}
    assert groups["region_share"][:3].between(0, 1).all()


def test_matched_comparison_has_a_row_for_every_sampler(tiny):
    folder = tiny.results / "05_predictors"
    matched = pd.read_csv(folder / "matched.csv")
    assert list(matched["sampler"]) == ["flow-2", "flow-4", "gmm", "state-2"]
    assert set(matched["training_samples"]) == {16}
    assert (matched["training_s"] > 0).all()
    assert (matched["forward_flops"] > 0).tolist() == [True, True, True, False]
    assert "state beside flow: " in (folder / "matched.md").read_text(encoding="utf-8")


def test_every_video_found_is_accounted_for(tiny):
    clips = pd.read_parquet(tiny.results / "01_frames" / "clips.parquet")
    videos = {path.name for path in (tiny.results / "01_frames" / "world" / "videos").rglob("*.mov")}
    assert {path.rsplit("/", 1)[1] for path in clips["path"]} == videos
    assert len(clips) == len(videos) == 6
    assert set(clips["status"]) == {"ok"}
    assert "| all | 6 | 6 | 0 | 0 |" in (tiny.results / "01_frames" / "clips.md").read_text(encoding="utf-8")
    with Image.open(tiny.results / "01_frames" / "contact_sheet.png") as picture:
        assert min(picture.size) > 300


def test_every_job_has_a_log_a_benchmark_and_a_record(tiny):
    logs, benchmarks, records = (
        {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.*")}
        for folder in (tiny.results / name for name in ("logs", "benchmarks", "provenance"))
    )
    assert logs == benchmarks == records
    assert len(logs) == 41


def test_stores_stand_beside_their_manifests_and_nothing_partial_is_left(tiny):
    stores = list(tiny.results.rglob("*.zarr"))
    assert len(stores) == 3 + 3 + 2 * (4 + 8 + 1) + 1
    assert all(store.with_suffix(".manifest.json").is_file() for store in stores)
    assert not list(tiny.results.rglob("*.partial*"))


def test_second_run_has_nothing_to_do(tiny, tmp_path):
    assert "Nothing to be done" in tiny.copied(tmp_path / "copy").run()


SCORED = {
    *("metrics_score", "metrics_summary", "metrics_table", "metrics_comparisons", "metrics_figures", "metrics_pages"),
}


def test_missing_manifest_means_an_unfinished_store(tiny, tmp_path):
    copy = tiny.copied(tmp_path / "copy")
    (copy.results / "06_rollouts" / "truth.manifest.json").unlink()
    assert copy.would_run("metrics={sheet: {windows: 1}}") == {
        "rollouts_controls",
        "rollouts_ideal",
        *SCORED,
        "metrics_videos",
        "model_bundle",
    }


def test_damaged_store_is_refused_in_one_line(tiny, tmp_path):
    copy = tiny.copied(tmp_path / "copy")
    store = copy.results / "06_rollouts" / "truth.zarr"
    chunk = next(path for path in (store / "frames" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    output = copy.run("--forcerun", "metrics_videos", targets=("07_metrics/contact_sheet.png",), succeeds=False)
    lines = [line for line in output.splitlines() if line.startswith("error in rule metrics_videos")]
    assert len(lines) == 1
    assert str(chunk.relative_to(copy.directory)) in lines[0]
    assert "Traceback" not in output


def test_lint_is_clean():
    command = [sys.executable, "-m", "snakemake", "--lint"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_catalogue_finds_the_same_workflow(new_workflow):
    command = new_workflow().command("--dry-run")
    command[command.index(str(ROOT / "Snakefile"))] = str(ROOT / "workflow" / "Snakefile")
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert "metrics_table" in done.stdout + done.stderr


def test_the_model_of_the_run_predicts_without_its_run(tiny, tmp_path):
    model = lamo.load(shutil.copytree(tiny.results / "model", tmp_path / "model"), "flow", "4", "cpu")
    size = model.facts.frames
    frames = np.random.default_rng(0).integers(0, 256, (4, size.height, size.width, 3), dtype=np.uint8)
    assert model.rollout(frames, seconds=0.4, samples=2).frames.shape == (2, 2, size.height, size.width, 3)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "\n# World model of the run tiny\n" in card
    assert (tiny.results / "07_metrics" / "table.md").read_text(encoding="utf-8").strip() in card
    assert "| val | 2 |" in card


def test_report_shows_table_pictures_and_videos(tiny, tmp_path):
    path = tmp_path / "report.html"
    tiny.copied(tmp_path / "copy").run("--report", str(path))
    report = path.read_text(encoding="utf-8")
    for name in (
        "table.csv",
        "table_samples.md",
        "comparisons.md",
        "contact_sheet.png",
        "metrics.png",
        "looks.png",
        "predictors.png",
        "rollout-1.mp4",
    ):
        assert name in report
    for name in (
        "matched.csv",
        "matched.md",
        "probe.csv",
        "probe.png",
        "token_groups.png",
        "01_frames/contact_sheet.png",
        "clips.md",
    ):
        assert name in report
