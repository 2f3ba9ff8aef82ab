"""What runs of LaMo wrote is no video of the user, wherever it lies below the folder of the videos."""

import shutil
from pathlib import Path

import pytest

from lamo.dataset import walk as walk_module
from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.dataset.listing import list_videos
from lamo.dataset.walk import video_files
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT

ROLLOUT = "07_metrics/videos/rollout-1.mp4"
DRIVE = "01_frames/world/videos/train/train-0000.mov"


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def a_run(folder: Path, records: bool = True) -> Path:
    """The files of a run that matter here, as it leaves them."""
    touch(folder, ROLLOUT, DRIVE, "07_metrics/table.csv", "07_metrics/metrics.parquet", "01_frames/clips.parquet")
    if records:
        touch(folder, "config.json", "provenance/01_frames/frames_find.json", "logs/01_frames/frames_find.log")
    return folder


def names(root: Path) -> list[str]:
    return sorted(file.name for file in video_files(root, [".mov", ".mp4"]))


@pytest.fixture
def root(tmp_path):
    return touch(tmp_path / "root", "mine.mov", "more/mine.mp4", "results/mine.mp4")


MINE = ["mine.mov", "more/mine.mp4", "results/mine.mp4"]


@pytest.mark.parametrize("records", [True, False], ids=["records", "older"])
@pytest.mark.parametrize("place", ["results/demo", "results/a/b/c", "copy of demo", "demo"])
def test_a_run_below_the_folder_is_passed_over(root, place, records):
    a_run(root / place, records)
    assert names(root) == MINE


@pytest.mark.parametrize("part", ["07_metrics", "07_metrics/videos", "01_frames", "01_frames/world"])
def test_a_link_to_a_part_of_a_run_elsewhere_is_passed_over(root, tmp_path, part):
    run = a_run(tmp_path / "elsewhere" / "demo")
    (root / "link").symlink_to(run / part)
    assert names(root) == MINE


def test_a_link_to_a_file_of_a_run_is_passed_over(root, tmp_path):
    run = a_run(tmp_path / "elsewhere" / "demo", records=False)
    for number, name in enumerate((ROLLOUT, DRIVE)):
        (root / f"link{number}{Path(name).suffix}").symlink_to(run / name)
    (root / "more" / "again.mov").symlink_to(root / "mine.mov")
    assert names(root) == sorted([*MINE, "more/again.mov"])


def test_a_copy_of_stage_07_under_another_name_is_passed_over(root, tmp_path):
    run = a_run(tmp_path / "elsewhere" / "demo")
    shutil.copytree(run / "07_metrics", root / "kept for the talk")
    assert names(root) == MINE


def test_rendered_videos_that_were_taken_out_of_the_results_are_taken(root, tmp_path):
    run = a_run(tmp_path / "elsewhere" / "demo")
    shutil.copytree(run / "01_frames" / "world" / "videos", root / "rendered")
    assert names(root) == sorted([*MINE, "rendered/train/train-0000.mov"])


def test_what_only_resembles_a_run_is_taken(root):
    alike = ["videos/a.mov", "01_frames/a.mov", "07_metrics/a.mov", "provenance/a.mov", "world/videos/train/a.mov"]
    touch(root, *alike, "world/videos/train.manifest.json", "table.csv", "config.json")
    assert names(root) == sorted([*MINE, *alike])


def test_videos_that_people_put_into_the_folder_of_a_run_are_taken(root):
    run = a_run(root / "results" / "demo")
    touch(run, "mine.mov", "mine/mine.mov")
    assert names(root) == sorted([*MINE, "results/demo/mine.mov", "results/demo/mine/mine.mov"])


def test_what_is_passed_over_is_said_once(root, caplog, monkeypatch):
    monkeypatch.setattr(walk_module, "_said", set())
    a_run(root / "results" / "demo")
    names(root)
    names(root)
    said = f"{root}/results/demo: videos that a run of LaMo wrote are passed over"
    assert caplog.messages == [said]


@pytest.mark.parametrize("place", [".", "07_metrics", "07_metrics/videos", "01_frames/world/videos"])
def test_a_root_in_a_run_has_no_videos(tmp_path, place):
    run = a_run(tmp_path / "results" / "earlier")
    config = VideosConfig(root=str(run / place), split="by_time")
    with pytest.raises(LamoError, match="no video found"):
        list_videos(config, {"train": 1, "val": 1}, tmp_path / "results" / "run")


def test_a_root_in_the_world_of_a_run_has_no_videos(tmp_path):
    run = a_run(tmp_path / "results" / "earlier")
    touch(run, DRIVE.replace("train", "val"))
    config = VideosConfig(root=str(run / "01_frames" / "world"))
    with pytest.raises(LamoError, match="no video found"):
        list_videos(config, {"train": 1, "val": 1}, tmp_path / "results" / "run")


def test_a_run_finds_the_world_that_it_rendered(tmp_path):
    run = a_run(tmp_path / "results" / "earlier")
    touch(run, DRIVE.replace("train", "val"))
    found = find_videos(VideosConfig(), run / "01_frames" / "world", {"train": 1, "val": 1})
    assert list(found["id"]) == ["train-0000", "val-0000"]


@pytest.mark.parametrize(
    "name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", "System Volume Information", ".Trash"]
)
def test_folders_of_the_system_are_passed_over(root, name):
    touch(root, f"{name}/SYNOPHOTO_FILM_M.mp4", f"more/{name}/a/b.mov", "more/._mine.mp4")
    assert names(root) == MINE


@pytest.mark.parametrize("above", [0, 1])
def test_a_root_that_holds_lamo_itself_is_refused(tmp_path, above):
    root = [ROOT, *ROOT.parents][above]
    (tmp_path / "link").symlink_to(root)
    for given in (root, tmp_path / "link"):
        config = VideosConfig(root=str(given), split="by_time")
        with pytest.raises(LamoError, match=r"found LaMo itself in it .*, expected a folder of videos alone"):
            list_videos(config, {"train": 1, "val": 1}, tmp_path / "results" / "run")
