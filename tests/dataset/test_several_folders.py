"""Videos of several folders in one run: named, each divided in its own way, and accounted for by folder."""

import os
import shutil

import pytest
from listed_files import write

from lamo.config import load_config
from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos, unused_videos
from lamo.dataset.fingerprints import fingerprints
from lamo.dataset.listing import list_videos, look_at_videos, shard_hashes
from lamo.dataset.source import source_of
from lamo.errors import LamoError

SHARDS = {"train": 3, "val": 2}


@pytest.fixture
def roots(tmp_path):
    """A folder with train/ and val/, and one of videos that are divided by time; both have an a.mov."""
    for name in ("city/train/a.mov", "city/train/b.mov", "city/val/c.mov", "city/test/d.mov", "hills/a.mov"):
        write(tmp_path / name, name.encode())
    return {"city": str(tmp_path / "city"), "hills": str(tmp_path / "hills")}


def config(roots, **more):
    return VideosConfig(root=roots, split={"city": "folders", "hills": "by_time"}, **more)


def test_clips_begin_with_the_name_of_their_folder(roots):
    found = find_videos(config(roots), roots, SHARDS, fingerprints)
    assert dict(zip(found["id"], found["split"], strict=True)) == {
        "city/a": "train",
        "city/b": "train",
        "city/c": "val",
        "hills/a@train": "train",
        "hills/a@val": "val",
    }


def test_a_folder_that_comes_along_moves_no_clip(roots):
    alone = {"city": roots["city"]}
    one = find_videos(VideosConfig(root=alone), alone, SHARDS).set_index("id")
    both = find_videos(config(roots), roots, SHARDS).set_index("id")
    columns = ["split", "shard", "path"]
    assert both.loc[one.index, columns].equals(one[columns])


def test_the_listing_of_a_start_has_all_folders(roots, tmp_path):
    listing = list_videos(config(roots), SHARDS, tmp_path / "run")
    before = dict(listing.shards)
    assert before == shard_hashes(find_videos(config(roots), roots, SHARDS, fingerprints))
    write(tmp_path / "hills" / "a.mov", b"another one")
    after = list_videos(config(roots), SHARDS, tmp_path / "run").shards
    found = find_videos(config(roots), roots, SHARDS).set_index("id")
    changed = {place for place in before if before[place] != after[place]}
    assert changed == {(found.loc[id_, "split"], found.loc[id_, "shard"]) for id_ in ("hills/a@train", "hills/a@val")}


def test_folders_beside_train_and_val_are_told_of_each(roots, tmp_path):
    assert unused_videos(config(roots)) == {str(tmp_path / "city" / "test"): 1}


def test_a_source_of_several_folders_has_no_companions(roots, tmp_path):
    (tmp_path / "city" / "info").mkdir()
    source = source_of(config(roots))
    assert source.folders == roots
    assert source.info is None
    assert not source.motion


def test_a_video_of_two_folders_must_not_be_on_both_sides(roots, tmp_path):
    shutil.copy(tmp_path / "city" / "val" / "c.mov", tmp_path / "city" / "train" / "e.mov")
    with pytest.raises(LamoError, match=r"found 1 video both in train and in val.*c\.mov \(val\)"):
        find_videos(config(roots), roots, SHARDS, fingerprints)
    (tmp_path / "city" / "train" / "e.mov").unlink()
    shutil.copy(tmp_path / "city" / "val" / "c.mov", tmp_path / "hills" / "c.mov")
    with pytest.raises(LamoError, match=r"found 1 video both in train and in val.*hills/c\.mov \(train\)"):
        find_videos(config(roots), roots, SHARDS, fingerprints)


def test_a_copy_that_is_added_to_a_named_folder_moves_no_clip(tmp_path):
    names = [f"{index}.mov" for index in range(40)]
    for name in names:
        write(tmp_path / "hills" / name, name.encode())
    root = {"hills": str(tmp_path / "hills")}
    how = VideosConfig(root=root, split="by_video", val_fraction=0.3)
    before = find_videos(how, root, SHARDS, fingerprints).set_index("id")
    shutil.copy(tmp_path / "hills" / "3.mov", tmp_path / "hills" / "3 (1).mov")
    after = find_videos(how, root, SHARDS, fingerprints).set_index("id")
    assert after.loc[before.index, "split"].equals(before["split"])
    assert after.loc["hills/3 (1)", "split"] == before.loc["hills/3", "split"]


def test_folders_that_lie_in_each_other_are_refused(roots, tmp_path):
    for inner in ("city/train", "city"):
        overlapping = VideosConfig(root={**roots, "more": str(tmp_path / inner)}, split="by_time")
        with pytest.raises(
            LamoError, match=r"found (city|more) .* in (city|more) .*expected folders beside each other"
        ):
            list_videos(overlapping, SHARDS, tmp_path / "run")


def test_the_second_look_opens_no_video(roots, tmp_path, monkeypatch):
    """Also where the folders are named by other paths, as `lamo verify` does."""
    monkeypatch.setattr("lamo.dataset.fingerprints.SETTLED_NS", 0)
    look_at_videos(config(roots), SHARDS, tmp_path / "run")
    monkeypatch.setattr("lamo.dataset.fingerprints.fingerprint", None)
    monkeypatch.chdir(tmp_path)
    relative = {name: os.path.relpath(root) for name, root in roots.items()}
    look_at_videos(config(relative), SHARDS, tmp_path / "run", keep=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [("empty", "no video found"), ("nowhere", r"videos\.root\.other .*nowhere: found nothing, expected a folder")],
)
def test_a_folder_without_videos_is_named(roots, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    more = {**roots, "other": str(tmp_path / name)}
    with pytest.raises(LamoError, match=message):
        find_videos(VideosConfig(root=more, split="by_time"), more, SHARDS)


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ({"root": {}}, r"videos\.root: found no folder, expected at least one"),
        ({"root": {"a": " "}}, r"videos\.root\.a: found ' '"),
        ({"root": {"a/b": "x"}}, r"videos\.root\.a/b\.\[key\]: found 'a/b'"),
        ({"root": {"a": None}}, r"videos\.root\.a: found None, expected a valid string"),
        ({"root": ["a"]}, r"videos\.root: found \['a'\], expected a valid string"),
        ({"root": {"a": "x"}, "split": {"b": "folders"}}, r"split: found the names b, expected .* videos\.root: a"),
        ({"root": "x", "split": {"b": "folders"}}, r"split: found the names b, expected one word, since"),
        ({"root": {"a": "x"}, "split": {"a": "by_clip"}}, r"videos\.split\.a: found 'by_clip'"),
        ({"root": {"a": "x"}, "poses": "poses.csv"}, r"videos\.poses: found poses\.csv where videos\.root has named"),
        ({"root": {"a": "x"}, "info": "info"}, r"videos\.info: found info where videos\.root has named"),
    ],
)
def test_contradictions_are_named(videos, message):
    with pytest.raises(LamoError, match=message):
        load_config({"videos": videos})
