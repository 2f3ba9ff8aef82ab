"""The listing of a start: which shards a change of the videos concerns."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import COLUMNS
from lamo.dataset.listing import Listing, list_videos
from lamo.errors import LamoError


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def folder(tmp_path):
    for index in range(40):
        write(tmp_path / "videos" / f"{index}.mov", b"%d" % index)
    return tmp_path / "videos"


def listed(root: Path, **config) -> Listing:
    """Listing of the videos of a run beside them."""
    config = VideosConfig(**{"root": str(root), "split": "by_video", **config})
    return list_videos(config, {"train": 3, "val": 2}, root.parent / "results" / "run")


def changed(before: Listing, after: Listing) -> set[tuple[str, int]]:
    one, two = before.shards, after.shards
    return {place for place in {*one, *two} if one.get(place) != two.get(place)}


def place(listing: Listing, id_: str) -> set[tuple[str, int]]:
    row = pd.read_parquet(listing.path).set_index("id").loc[id_]
    return {(row["split"], row["shard"])}


def test_a_change_of_one_video_changes_its_shard_alone(folder):
    before = listed(folder)
    assert len(before.shards) == 5
    write(folder / "7.mov", b"another")
    replaced = listed(folder)
    assert changed(before, replaced) == place(before, "7")
    write(folder / "another.mov", b"one more")
    added = listed(folder)
    assert changed(replaced, added) == place(added, "another")
    (folder / "9.mov").unlink()
    assert changed(added, listed(folder)) == place(added, "9")
    assert len({listing.digest for listing in (before, replaced, added)}) == 3


def test_touched_files_other_files_and_another_place_change_no_shard(folder, tmp_path):
    before = listed(folder)
    for path in folder.iterdir():
        os.utime(path, (5, 5))
    write(folder / "README.md", b"read me")
    assert listed(folder) == before
    folder.rename(tmp_path / "moved")
    moved = listed(tmp_path / "moved")
    assert changed(before, moved) == set()
    assert moved.digest != before.digest
    assert all(Path(path).is_file() for path in pd.read_parquet(moved.path)["path"])


def test_extensions_count_but_not_their_case(folder):
    before = listed(folder)
    (folder / "7.mov").rename(folder / "7.MOV")
    capital = listed(folder)
    assert changed(before, capital) == set()
    assert capital.digest != before.digest
    (folder / "7.MOV").rename(folder / "7.mp4")
    assert changed(before, listed(folder)) == place(before, "7")


def test_parts_of_videos_count(folder):
    before = listed(folder, split="by_time")
    assert {split for split, _ in changed(before, listed(folder, split="by_time", guard_s=2.0))} == {"val"}
    later = listed(folder, split="by_time", val_fraction=0.3)
    assert {split for split, _ in changed(before, later)} == {"train", "val"}
    write(folder / "7.mov", b"another")
    both = place(before, "7@train") | place(before, "7@val")
    assert changed(before, listed(folder, split="by_time")) == both


def test_an_empty_file_that_becomes_a_pipe_is_another(folder):
    write(folder / "7.mov", b"")
    before = listed(folder)
    (folder / "7.mov").unlink()
    os.mkfifo(folder / "7.mov")
    assert changed(before, listed(folder)) == place(before, "7")


def test_the_table_is_as_it_was_found_and_old_ones_go(folder):
    first = listed(folder)
    table = pd.read_parquet(first.path)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 40
    write(folder / "7.mov", b"another")
    last = listed(folder)
    assert len(list(Path(first.path).parent.iterdir())) == 2
    assert pd.read_parquet(first.path).equals(table)
    for path in (first.path, last.path):
        os.utime(path, (0, 0))
    assert listed(folder) == last
    assert [path.as_posix() for path in Path(first.path).parent.iterdir()] == [last.path]


def test_train_and_val_have_their_own_entries_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("lamo.dataset.fingerprints.SETTLED_NS", 0)
    for split in ("train", "val"):
        write(tmp_path / "videos" / split / "a.mov", split.encode())
    listed(tmp_path / "videos", split="folders")
    cache = json.loads((tmp_path / "results" / "run" / "01_frames" / "fingerprints.json").read_text())
    assert sorted(cache["files"]) == ["train/a.mov", "val/a.mov"]


@pytest.mark.parametrize("below", ["", "/07_metrics", "/../link/01_frames"])
def test_videos_may_not_lie_in_the_results_of_the_run(tmp_path, below):
    results = tmp_path / "results" / "run"
    for name in ("01_frames", "07_metrics"):
        write(results / name / "a.mov", b"1")
    (results.parent / "link").symlink_to(results)
    with pytest.raises(LamoError, match=r"videos\.root .*: lies in .*run, .* another name as run"):
        list_videos(VideosConfig(root=f"{results}{below}"), {"train": 1, "val": 1}, results)


def test_results_that_lie_below_the_videos_are_none(tmp_path):
    config, shards = VideosConfig(root=str(tmp_path), split="by_time"), {"train": 1, "val": 1}
    write(tmp_path / "a.mov", b"1")
    before = list_videos(config, shards, tmp_path / "results" / "run")
    write(tmp_path / "results" / "run" / "07_metrics" / "rollout.mp4", b"2")
    (tmp_path / "loop").symlink_to("results/run")
    assert list_videos(config, shards, tmp_path / "results" / "run") == before
