"""A run on the videos of two folders: what is said of each, and what is done again when one of them changes."""

import numpy as np
import pandas as pd
from safetensors.torch import load_file

from lamo.world.write import write_video


def film(seed: int) -> np.ndarray:
    """Coarse pictures that pass by."""
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 40, 3), dtype=np.uint8)
    frames = np.stack([coarse[:, start : start + 8] for start in np.arange(80) % 30])
    return frames.repeat(8, axis=1).repeat(8, axis=2)


def test_two_folders_are_decoded_scored_and_counted_apart(tmp_path, new_workflow):
    for seed, name in enumerate(["city/train/a", "city/train/b", "city/val/c", "hills/a"]):
        path = tmp_path / f"{name}.mov"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, film(seed), fps=5, crf=20)
    root = f"{{city: {tmp_path / 'city'}, hills: {tmp_path / 'hills'}}}"
    videos = f"videos={{root: {root}, split: {{city: folders, hills: by_time}}, val_fraction: 0.5, guard_s: 0}}"
    workflow = new_workflow(videos, "model={half_precision: true, predictors: [gmm]}")
    workflow.run()
    summary = (workflow.results / "01_frames" / "clips.md").read_text(encoding="utf-8")
    for line in ("city: train | 2 | 2 |", "city: val | 1 | 1 |", "hills: train | 1 | 1 |", "hills: val | 1 | 1 |"):
        assert f"| {line}" in summary
    clips = pd.read_parquet(workflow.results / "01_frames" / "clips.parquet")
    assert set(clips["id"]) == {"city/a", "city/b", "city/c", "hills/a@train", "hills/a@val"}
    groups = pd.read_csv(workflow.results / "07_metrics" / "table_groups.csv")
    assert set(groups["group"]) == {"city", "hills"}
    assert "by the folder of the videos" in (workflow.results / "07_metrics" / "table_groups.md").read_text("utf-8")
    model = workflow.results / "model"
    assert "| hills, val | 1 |" in (model / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (model / "predictors").iterdir()] == ["gmm"]
    assert {str(one.dtype) for one in load_file(model / "decoder" / "model.safetensors").values()} == {"torch.float16"}
    assert "Nothing to be done" in workflow.run("--dry-run")
    write_video(tmp_path / "city" / "val" / "c.mov", film(9), fps=5, crf=20)
    again = workflow.run("--dry-run", targets=("01_frames/clips.parquet",))
    assert "frames_decode" in again
    assert "decoding train" not in again
