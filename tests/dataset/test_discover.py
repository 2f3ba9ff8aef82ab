"""Finding videos, splits and shards."""

import os
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import COLUMNS, find_videos, unused_videos
from lamo.dataset.fingerprints import fingerprints
from lamo.errors import LamoError

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
    assert (table["lead_s"] == 0).all()
    assert (table["fingerprint"] == "").all()


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
    assert list(table["lead_s"]) == [0.0, 1.0]


@pytest.mark.parametrize("guard_s", [0.0, 0.4, 2.5])
def test_by_time_leaves_a_guard_between_the_parts(tmp_path, guard_s):
    _touch(tmp_path, "a.mp4", "b.mp4")
    table = find_videos(VideosConfig(split="by_time", guard_s=guard_s), tmp_path, SHARDS)
    assert dict(zip(table["id"], table["lead_s"], strict=True)) == {
        "a@train": 0.0,
        "b@train": 0.0,
        "a@val": guard_s,
        "b@val": guard_s,
    }


def test_names_that_differ_in_extension_or_split_only_stay_apart(tmp_path):
    _touch(tmp_path, "train/a.mov", "train/a.mp4", "val/a.mov", "val/b.mov")
    table = find_videos(VideosConfig(), tmp_path, SHARDS)
    assert list(table["id"]) == ["a.mp4", "train/a.mov", "b", "val/a.mov"]


@pytest.mark.parametrize("split", ["folders", "by_video", "by_time"])
def test_split_and_shard_of_a_clip_depend_on_its_name_alone(tmp_path, split):
    """Any order of creation, any other files beside, any other number of them."""
    config, names = VideosConfig(split=split, val_fraction=0.3), [f"{i % 7}/{i}.mov" for i in range(60)]
    names = [f"{'val' if i % 4 == 0 else 'train'}/{name}" for i, name in enumerate(names)]
    whole = find_videos(config, _touch(tmp_path / "whole", *names), {"train": 7, "val": 5})
    known = {row.id: (row.split, row.shard) for row in whole.itertuples()}
    assert len({shard for place, shard in known.values() if place == "train"}) == 7
    draw = random.Random(0)
    for attempt in range(6):
        # One of each split always, so that none is empty.
        some = [*names[:2], *draw.sample(names[2:], draw.randint(20, len(names) - 2))]
        draw.shuffle(some)
        others = [f"train/other-{attempt}-{index}.mp4" for index in range(attempt)]
        root = _touch(tmp_path / str(attempt), *some, *others)
        found = find_videos(config, root, {"train": 7, "val": 5})
        mine = {row.id: (row.split, row.shard) for row in found.itertuples() if "other" not in row.id}
        assert len(mine) == len(some) * (2 if split == "by_time" else 1)
        assert mine.items() <= known.items()


def test_a_clash_of_names_moves_no_clip_to_another_shard(tmp_path):
    shards = {"train": 1000, "val": 1000}
    before = find_videos(VideosConfig(split="by_video"), _touch(tmp_path, "a.mov", "b.mov"), shards).set_index("id")
    after = find_videos(VideosConfig(split="by_video"), _touch(tmp_path, "a.mp4"), shards).set_index("id")
    assert sorted(after.index) == ["a.mov", "a.mp4", "b"]
    assert before.loc["a", "shard"] == after.loc["a.mov", "shard"] == after.loc["a.mp4", "shard"]


def test_what_cannot_be_a_video_has_a_row_too(tmp_path):
    _touch(tmp_path, "train/a.mov", "val/b.mov")
    (tmp_path / "train" / "broken.mov").symlink_to("nowhere")
    (tmp_path / "train" / "loop.mov").symlink_to("loop.mov")
    (tmp_path / "val" / "empty.mov").touch()
    os.mkfifo(tmp_path / "val" / "pipe.mov")
    table = find_videos(VideosConfig(), tmp_path, SHARDS, fingerprints).set_index("id")
    assert sorted(table.index) == ["a", "b", "broken", "empty", "loop", "pipe"]
    assert dict(table["bytes"]) == {"a": 5, "b": 5, "broken": 0, "empty": 0, "loop": 0, "pipe": 0}
    assert (table.loc[["broken", "loop"], "fingerprint"].str.startswith("a link that leads nowhere")).all()
    assert table.loc["pipe", "fingerprint"] == "not a regular file but a named pipe"
    assert (table.loc[["a", "b", "empty"], "fingerprint"].str.len() == 32).all()


def test_folders_beside_train_and_val_are_counted(tmp_path):
    _touch(tmp_path, "videos/train/a.mov", "videos/val/b.mov", "videos/test/c.mov", "videos/test/d/e.mov")
    _touch(tmp_path, "videos/notes/read.me", "images/f.mov")
    (tmp_path / "videos" / "link").symlink_to("train")
    assert list(find_videos(VideosConfig(), tmp_path, SHARDS)["id"]) == ["a", "b"]
    assert unused_videos(VideosConfig(root=str(tmp_path))) == {str(tmp_path / "videos" / "test"): 2}
    assert unused_videos(VideosConfig(root=str(tmp_path), split="by_time")) == {}


def test_folders_outside_are_not_looked_into(tmp_path):
    _touch(tmp_path, "a.mov", "results/tiny/07_metrics/videos/b.mp4", "c.mov")
    table = find_videos(VideosConfig(split="by_video"), tmp_path, SHARDS, outside=[str(tmp_path / "results" / "tiny")])
    assert sorted(table["id"]) == ["a", "c"]


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
