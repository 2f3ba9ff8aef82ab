"""Finding videos, splits and shards."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lamo.errors import LamoError
from lamo.video.discover import COLUMNS, VideosConfig, find_videos

SHARDS = {"train": 3, "val": 2}


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")
    return root


@pytest.mark.parametrize("below", ["", "videos/"])
def test_folders_of_splits_with_or_without_videos(tmp_path, below):
    _touch(tmp_path, f"{below}train/b.mov", f"{below}train/a.mov", f"{below}val/c.mov", f"{below}train/read.txt")
    table = find_videos(VideosConfig(), tmp_path, SHARDS)
    assert list(table.columns) == list(COLUMNS)
    assert list(zip(table["split"], table["id"], strict=True)) == [("train", "a"), ("train", "b"), ("val", "c")]
    assert set(table["bytes"]) == {5}
    assert (table["start_share"] == 0).all()
    assert (table["end_share"] == 1).all()


def test_any_folder_recursively_with_odd_names_and_capital_extensions(tmp_path):
    names = [
        "ä ö/日本 1.MP4",
        "ä ö/b'\"$(x).mov",
        "c.MoV",
        "-d.avi",
        "notes.md",
        ".hidden.mp4",
        ".cache/e.mp4",
        "f.mp4.part",
    ]
    _touch(tmp_path, *names)
    table = find_videos(VideosConfig(split="by_video"), tmp_path, SHARDS)
    assert sorted(table["id"]) == sorted(["ä ö/日本 1", "ä ö/b'\"$(x)", "c", "-d"])
    assert all(Path(path).is_file() for path in table["path"])


def test_by_video_is_stable_and_fills_both_splits(tmp_path):
    config = VideosConfig(split="by_video", val_fraction=0.2)
    _touch(tmp_path, *[f"{index}.mp4" for index in range(100)])
    first = find_videos(config, tmp_path, SHARDS)
    assert 10 <= (first["split"] == "val").sum() <= 30
    assert set(first["shard"][first["split"] == "train"]) == {0, 1, 2}
    _touch(tmp_path, "another.mp4", "zebra.mp4")
    second = find_videos(config, tmp_path, SHARDS).set_index("id")
    for row in first.itertuples():
        assert (second.loc[row.id, "split"], second.loc[row.id, "shard"]) == (row.split, row.shard)


@pytest.mark.parametrize("fraction", [0.001, 0.5, 0.999])
def test_two_videos_are_one_each(tmp_path, fraction):
    _touch(tmp_path, "a.mp4", "b.mp4")
    table = find_videos(VideosConfig(split="by_video", val_fraction=fraction), tmp_path, SHARDS)
    assert sorted(table["split"]) == ["train", "val"]


def test_one_video_can_only_be_split_by_time(tmp_path):
    _touch(tmp_path, "only.mp4")
    with pytest.raises(LamoError, match=r"only\.mp4.*by_time"):
        find_videos(VideosConfig(split="by_video"), tmp_path, SHARDS)
    table = find_videos(VideosConfig(split="by_time", val_fraction=0.25), tmp_path, SHARDS)
    assert list(table["id"]) == ["only@train", "only@val"]
    assert list(table["start_share"]) == [0.0, 0.75]
    assert list(table["end_share"]) == [0.75, 1.0]


def test_names_that_differ_in_extension_or_split_only_stay_apart(tmp_path):
    _touch(tmp_path, "train/a.mov", "train/a.mp4", "val/a.mov", "val/b.mov")
    table = find_videos(VideosConfig(), tmp_path, SHARDS)
    assert list(table["id"]) == ["a.mp4", "train/a.mov", "b", "val/a.mov"]


def test_linked_folders_are_followed_once(tmp_path):
    real = _touch(tmp_path / "elsewhere", "a.mp4", "b.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(real)
    (real / "loop").symlink_to(root)
    assert list(find_videos(VideosConfig(split="by_time"), root, SHARDS)["id"])[:2] == ["link/a@train", "link/b@train"]


def test_missing_empty_and_wrong_folders_are_named(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    a_file = tmp_path / "file"
    a_file.write_text("x")
    for root, config, words in (
        (tmp_path / "absent", VideosConfig(), ["absent", "nothing", "folder of videos"]),
        (a_file, VideosConfig(), ["file", "a file"]),
        (empty, VideosConfig(), ["empty", "train", "val", "by_video", "an empty folder"]),
        (empty, VideosConfig(split="by_video"), ["empty", "no video", "*.mov"]),
        (empty, VideosConfig(split="by_time"), ["empty", "no video"]),
        (_touch(tmp_path / "half", "train/a.mov", "val/readme.txt").joinpath(), VideosConfig(), ["val", "no video"]),
        (_touch(tmp_path / "flat", "a.mov"), VideosConfig(), ["a.mov", "by_time"]),
    ):
        with pytest.raises(LamoError) as raised:
            find_videos(config, root, SHARDS)
        assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize("wrong", [{"split": "random"}, {"val_fraction": 1.0}, {"extensions": []}, {"rooot": "x"}])
def test_wrong_keys_and_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        VideosConfig(**wrong)
