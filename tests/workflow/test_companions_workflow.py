"""Info files, stills and poses beside the videos: used where they are, read anew when they change, without decoding."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from workflow.conftest import Workflow, make

from lamo.world.write import write_video

TARGETS = tuple(
    f"01_frames/{name}" for name in ("clips.parquet", "contact_sheet.png", "stills.parquet", "motion.parquet")
)
CLIPS = {"train": ("a", "b"), "val": ("v",)}


class Stage(Workflow):
    """Stage 01 alone, on a dataset laid out as BDD100K is."""

    def dry_run(self, *config: str) -> set[str]:
        output = self.run("--dry-run", config=config, targets=TARGETS).partition("Job stats:")[2]
        return set(re.findall(r"^(?:local)?(?:rule )?(\w+) +\d+$", output, re.MULTILINE)) - {"total"}


def film(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (60, 4, 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def videos_of(data: Path, more: str = "") -> str:
    return f"videos={{root: {data}, poses: {data}/poses.csv{more}}}"


def write_still(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).resize((640, 320), Image.Resampling.NEAREST).save(path, quality=90)


def write_info(path: Path, ride: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rideID": ride, "locations": [{"speed": 7.5}]}), encoding="utf-8")


def write_poses(path: Path, speed: float) -> None:
    """A camera that goes straight on at `speed` (m/s) in every video: 60 frames, 5 per second."""
    rows = [
        {
            "file": f"videos/{split}/{name}.mov",
            "frame": frame,
            "x": speed * frame / 5,
            "y": 0,
            "z": 1,
            "dx": 1,
            "dy": 0,
            "dz": 0,
        }
        for split, names in CLIPS.items()
        for name in names
        for frame in range(60)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of the data, and its finished stage 01: stills of two clips (one mirrored), info of one."""
    data = tmp_path_factory.mktemp("bdd")
    for seed, (split, name) in enumerate((split, name) for split, names in CLIPS.items() for name in names):
        path = data / "videos" / split / f"{name}.mov"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, film(seed), fps=5, crf=20)
    write_still(data / "images/100k/train/a.jpg", film(0)[50])
    write_still(data / "images/100k/val/v.jpg", film(2)[50][:, ::-1])
    write_info(data / "info/100k/train/a.json", "one")
    write_info(data / "info/100k/test/z.json", "none")
    write_poses(data / "poses.csv", 7.0)
    workflow = make(tmp_path_factory.mktemp("run") / "here", videos_of(data))
    workflow = Stage(workflow.directory, workflow.config)
    workflow.run(targets=TARGETS)
    return data, workflow


def test_what_they_say_stands_in_tables_words_and_pictures(finished):
    data, workflow = finished
    folder = workflow.results / "01_frames"
    clips = pd.read_parquet(folder / "clips.parquet")
    assert list(clips["info_status"]) == ["joined", "missing", "missing"]
    assert (clips["ride_id"][0], clips["speed_mean_mps"][0]) == ("one", 7.5)
    stills = pd.read_parquet(folder / "stills.parquet")
    assert dict(zip(stills["id"], stills["verdict"], strict=True)) == {"a": "match", "v": "orientation"}
    words = (folder / "clips.md").read_text(encoding="utf-8")
    assert f"## Info files in `{data}/info/100k`" in words
    assert f"## Stills in `{data}/images/100k`" in words
    assert "files without a video: 1 (1 in `test`)" in words
    assert "| val | 1 | 0 | 0 | 1 | 0 | 0 | 0 |" in (folder / "stills.md").read_text(encoding="utf-8")
    for name in ("contact_sheet.png", "stills.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 100
    assert workflow.dry_run() == set()


def test_new_info_files_and_stills_are_read_and_nothing_is_decoded_again(finished):
    data, workflow = finished
    info, still = data / "info/100k/train/b.json", data / "images/100k/train/b.jpg"
    write_info(info, "two")
    assert workflow.dry_run() == {"frames_info", "frames_collect"}
    info.unlink()
    write_still(still, film(1)[50])
    assert workflow.dry_run() == {"frames_stills_find", "frames_stills", "frames_stills_collect", "frames_collect"}
    still.unlink()
    assert workflow.dry_run() == set()


def test_other_poses_are_read_and_nothing_else_is_done_again(finished):
    data, workflow = finished
    motion = pd.read_parquet(workflow.results / "01_frames" / "motion.parquet")
    assert list(motion["way_m"][motion["id"] == "v"].diff().dropna().round(6).unique()) == [7.0 / 5]
    write_poses(data / "poses.csv", 8.0)
    assert workflow.dry_run() == {"frames_motion"}
    write_poses(data / "poses.csv", 7.0)
    assert workflow.dry_run() == set()


def test_another_folder_of_info_files_decodes_nothing_again(finished, tmp_path):
    data, workflow = finished
    assert workflow.dry_run(videos_of(data, f", info: {tmp_path}")) == {"frames_info", "frames_collect"}


def test_a_folder_that_is_not_there_is_refused_in_one_line(finished, tmp_path):
    data, workflow = finished
    config = videos_of(data, f", stills: {tmp_path / 'none'}")
    output = workflow.run("--dry-run", config=(config,), targets=TARGETS, succeeds=False)
    assert f"config: videos.stills: found nothing at {tmp_path / 'none'}" in output
    assert "Traceback" not in output
