"""Files beside the videos are found where BDD100K has them, and each goes to its own video."""

import os
from pathlib import Path

import pytest

from lamo.dataset.companions import INFO_ENDINGS, INFO_PLACES, STILL_PLACES, companion_folder, listing, match
from lamo.errors import LamoError


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


@pytest.mark.parametrize("root", ["bdd", "bdd/videos", "bdd/videos/100k"])
def test_folder_is_found_from_any_folder_that_holds_the_videos(tmp_path, root):
    (tmp_path / "bdd/videos/100k").mkdir(parents=True)
    for name in ("info/100k", "images/100k"):
        (tmp_path / "bdd" / name).mkdir(parents=True)
    assert companion_folder("videos.info", None, tmp_path / root, INFO_PLACES) == str(tmp_path / "bdd/info/100k")
    assert companion_folder("videos.stills", None, tmp_path / root, STILL_PLACES) == str(tmp_path / "bdd/images/100k")


def test_a_strange_neighbour_of_the_videos_is_not_taken(tmp_path):
    (tmp_path / "data/clips").mkdir(parents=True)
    (tmp_path / "data/info").mkdir()
    assert companion_folder("videos.info", None, tmp_path / "data/clips", INFO_PLACES) is None


def test_folder_of_the_config_comes_first_and_has_to_exist(tmp_path):
    (tmp_path / "info").mkdir()
    _touch(tmp_path / "file")
    given = str(tmp_path / "elsewhere")
    with pytest.raises(LamoError, match=r"videos\.info: found nothing at .*elsewhere"):
        companion_folder("videos.info", given, tmp_path, INFO_PLACES)
    with pytest.raises(LamoError, match="found a file"):
        companion_folder("videos.info", str(tmp_path / "file"), tmp_path, INFO_PLACES)
    os.mkdir(given)
    assert companion_folder("videos.info", given, tmp_path, INFO_PLACES) == given


def test_each_file_goes_to_the_video_of_its_name_and_the_rest_is_counted(tmp_path):
    folder = tmp_path / "info/100k"
    for name in ("train/a.json", "val/b.json", "test/c.json", "test/d.json", "train/.a.json", "train/a.txt"):
        _touch(folder / name)
    videos = ["x/videos/train/a.mov", "x/videos/val/b.mov", "x/videos/val/e.mov", "x/videos/train/a.mov"]
    companions = match(videos, folder, INFO_ENDINGS)
    assert companions.files == {videos[0]: folder / "train/a.json", videos[1]: folder / "val/b.json"}
    assert companions.extra_by_folder(folder) == {"test": 2}


def test_same_names_in_several_folders_are_told_apart(tmp_path):
    for name in ("train/a.json", "val/a.json", "train/b.json"):
        _touch(tmp_path / name)
    files = match(["v/train/a.mov", "v/val/a.mov", "v/train/b.mov", "v/val/b.mov"], tmp_path, INFO_ENDINGS).files
    assert {video: path.relative_to(tmp_path).as_posix() for video, path in files.items()} == {
        **{"v/train/a.mov": "train/a.json", "v/val/a.mov": "val/a.json"},
        "v/train/b.mov": "train/b.json",  # and the val/b.mov has none
    }


def test_a_flat_folder_and_odd_names_are_matched(tmp_path):
    names = ["a b's", "ünï", "dots.in.name", "-x"]
    for name in names:
        _touch(tmp_path / f"{name}.JSON")
    videos = [f"v/train/{name}.mov" for name in names]
    assert set(match(videos, tmp_path, INFO_ENDINGS).files) == set(videos)


def test_names_that_are_not_utf8_are_counted(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.json", "w") as file:
        file.write("{}")
    companions = match([], tmp_path, INFO_ENDINGS)
    assert companions.extra_by_folder(tmp_path) == {".": 1}
    assert listing(str(tmp_path), INFO_ENDINGS)


def test_listing_follows_names_sizes_and_times(tmp_path):
    path = _touch(tmp_path / "a.json")
    before = listing(str(tmp_path), INFO_ENDINGS)
    _touch(tmp_path / "other.txt")
    assert listing(str(tmp_path), INFO_ENDINGS) == before
    os.utime(path, ns=(1, 1))
    touched = listing(str(tmp_path), INFO_ENDINGS)
    _touch(tmp_path / "b.json")
    assert len({before, touched, listing(str(tmp_path), INFO_ENDINGS)}) == 3
    assert listing(None, INFO_ENDINGS) is None
