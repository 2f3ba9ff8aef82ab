"""The whole workflow on one real clip, its end held out."""

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

CLIP = Path(__file__).resolve().parents[3] / "shared" / "data" / "dashcam" / "much_us_highway_dusk.mp4"


@pytest.mark.skipif(not CLIP.exists(), reason="needs a real clip, which is not part of the project")
def test_one_real_clip_ends_in_a_table(new_workflow, tmp_path):
    (tmp_path / "videos").mkdir()
    shutil.copy(CLIP, tmp_path / "videos")
    videos = f"videos={{root: {tmp_path / 'videos'}, split: by_time, val_fraction: 0.3}}"
    workflow = new_workflow(videos, "rollouts={stride_s: 0.4}", "predictors={entries: {flow: {samplers: [2]}}}")
    workflow.run()
    clips = pd.read_parquet(workflow.results / "01_frames" / "clips.parquet")
    assert list(clips["status"]) == ["ok", "ok"]
    assert list(clips["split"]) == ["train", "val"]
    assert 41 <= clips["frames"].iloc[0] <= 44
    with (workflow.results / "07_metrics" / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} >= {"flow", "gmm", "state", "oracle_motion", "persistence_pixels"}
    assert {row["n_clips"] for row in rows} == {"1"}
    assert (workflow.results / "07_metrics" / "contact_sheet.png").stat().st_size > 1000
    assert (workflow.results / "07_metrics" / "figures" / "token_groups.png").exists()
    # Of real videos the true motion is not known.
    assert not list((workflow.results / "07_metrics").rglob("probe.*"))
    assert not (workflow.results / "01_frames" / "world").exists()
