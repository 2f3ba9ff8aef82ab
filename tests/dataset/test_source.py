"""Sources of videos: what rules are told of the world and of a folder, and divisions by import path."""

import pytest
from listed_files import write

from lamo.config import load_config
from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.dataset.source import Source, source_of
from lamo.errors import LamoError

DIVISION = '''
from lamo.dataset.division import Clip
from lamo.dataset.walk import video_files


def clips(config, root, outside):
    """Drives of the second city are held out."""
    return [
        Clip(file.name, file.name, "val" if file.name.startswith("two") else "train", file)
        for file in video_files(root, config.extensions, outside)
    ]


def training_alone(config, root, outside):
    return [clip for clip in clips(config, root, outside) if clip.split == "train"]
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("one/a.mov", "one/b.mov", "two/a.mov"):
        write(tmp_path / "videos" / name, name.encode())
    write(tmp_path / "cities.py", DIVISION.encode())
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "videos"


def test_the_world_is_rendered_and_labelled():
    source = source_of(VideosConfig())
    assert source.folders == {}
    assert source.videos == ("<frames>/world/videos/train", "<frames>/world/videos/val")
    assert len(source.manifests) == len(source.labels) == 2


def test_a_folder_is_there_and_may_have_companions(folder):
    assert source_of(VideosConfig(root=str(folder))) == Source(folders={"": str(folder)})
    (folder / "info").mkdir()
    assert source_of(VideosConfig(root=str(folder))).info == str(folder / "info")
    with pytest.raises(LamoError, match=r"videos\.stills: found nothing at"):
        source_of(VideosConfig(root=str(folder), stills="nowhere"))


def test_poses_tell_the_motion_of_the_camera(folder):
    assert source_of(VideosConfig()).motion
    assert not source_of(VideosConfig(root=str(folder))).motion
    write(folder / "poses.csv", b"file,frame")
    source = source_of(VideosConfig(root=str(folder), poses=str(folder / "poses.csv")))
    assert source.motion
    assert source.poses == str(folder / "poses.csv")


def test_a_data_set_divides_its_videos_itself(folder):
    found = find_videos(VideosConfig(split="cities:clips"), folder, {"train": 2, "val": 1})
    assert dict(zip(found["id"], found["split"], strict=True)) == {
        "one/a.mov": "train",
        "one/b.mov": "train",
        "two/a.mov": "val",
    }


@pytest.mark.parametrize("split", ["nowhere:clips", "cities:nothing"])
def test_a_division_that_cannot_be_imported_is_named(folder, split):
    with pytest.raises(LamoError, match=rf"videos\.split: found '{split}': {split} cannot be imported"):
        find_videos(VideosConfig(split=split), folder, {"train": 1, "val": 1})


def test_a_division_without_held_out_clips_is_refused(folder):
    with pytest.raises(LamoError, match="cities:training_alone gave no clip of split val"):
        find_videos(VideosConfig(split="cities:training_alone"), folder, {"train": 1, "val": 1})


@pytest.mark.parametrize("split", ["by_clip", "cities", ":clips", "cities:"])
def test_other_values_are_refused(split):
    with pytest.raises(LamoError, match=r"videos\.split"):
        load_config({"videos": {"root": "videos", "split": split}})
