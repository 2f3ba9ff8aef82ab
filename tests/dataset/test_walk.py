"""Listing files: everything that is named like a video is listed once, nothing is opened, nothing hangs."""

import os
import socket
from pathlib import Path

import pytest

from lamo.dataset.walk import video_files
from lamo.errors import LamoError

WANTED = (".mov", "mp4")


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")
    return root


def names(root: Path, outside=()) -> list[str]:
    return sorted(file.name for file in video_files(root, WANTED, outside))


@pytest.fixture
def oddities(tmp_path):
    """One of everything that can be named like a video."""
    root = make(tmp_path / "root", "whole.mov", "elsewhere.txt", "folder.mov/inside.mp4", "folder.mov/read.me")
    (root / "empty.mov").touch()
    (root / "broken.mov").symlink_to(root / "nowhere")
    (root / "itself.mov").symlink_to(root / "itself.mov")
    (root / "one.mov").symlink_to(root / "two.mov")
    (root / "two.mov").symlink_to(root / "one.mov")
    (root / "link.mov").symlink_to("../root/elsewhere.txt")
    (root / "device.mov").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.mov")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.mov"))
    return root


def test_everything_named_like_a_video_is_listed_and_nothing_is_opened(oddities, monkeypatch):
    monkeypatch.setattr(os, "open", None)
    monkeypatch.setattr("builtins.open", None)
    files = {file.name: file for file in video_files(oddities, WANTED)}
    regular = {"whole.mov": 5, "empty.mov": 0, "folder.mov/inside.mp4": 5, "link.mov": 5}
    assert {name: file.size for name, file in files.items() if not file.problem} == regular
    expected = {
        "broken.mov": "leads nowhere (No such file",
        "itself.mov": "leads nowhere (Too many levels",
        "one.mov": "leads nowhere (Too many levels",
        "two.mov": "leads nowhere (Too many levels",
        "device.mov": "not a regular file but a device",
        "pipe.mov": "not a regular file but a named pipe",
        "socket.mov": "not a regular file but a socket",
    }
    problems = {name: file.problem for name, file in files.items() if file.problem}
    assert problems.keys() == expected.keys()
    assert all(words in problems[name] for name, words in expected.items()), problems
    assert all(file.path == os.path.join(oddities, name) for name, file in files.items())


def test_times_are_those_of_the_file(tmp_path):
    make(tmp_path, "a.mov")
    os.utime(tmp_path / "a.mov", ns=(1, 2_000_000_001))
    (file,) = video_files(tmp_path, WANTED)
    assert file.times_ns == (2_000_000_001, (tmp_path / "a.mov").stat().st_ctime_ns)


def test_hidden_files_other_extensions_and_lost_and_found_are_passed_over(tmp_path):
    make(tmp_path, "a.MoV", "b.mp4.part", "mov", ".hidden.mov", ".cache/c.mov", "lost+found/d.mov", "e.mkv", "f.xmp4")
    assert names(tmp_path) == ["a.MoV"]


def test_loops_of_links_end_and_each_folder_is_walked_once(tmp_path):
    root = make(tmp_path / "root", "real/a.mov", "real/deep/b.mov")
    (root / "real" / "deep" / "up").symlink_to(root)
    (root / "real" / "self").symlink_to(".")
    (root / "another").symlink_to("real")
    assert names(root) == ["real/a.mov", "real/deep/b.mov"]


def test_links_are_followed_after_all_real_folders(tmp_path):
    root = make(tmp_path / "root", "real/a.mov")
    make(tmp_path / "far", "deep/b.mov")
    (root / "a-link").symlink_to("real")
    (root / "z-link").symlink_to(tmp_path / "far")
    (root / "b-link").symlink_to(tmp_path / "far" / "deep")
    assert names(root) == ["b-link/b.mov", "real/a.mov"]
    (root / "b-link").unlink()
    assert names(root) == ["real/a.mov", "z-link/deep/b.mov"]


def test_the_folder_itself_may_be_a_link(tmp_path):
    make(tmp_path / "real", "a.mov")
    (tmp_path / "link").symlink_to("real")
    (file,) = video_files(tmp_path / "link", WANTED)
    assert file.path == str(tmp_path / "link" / "a.mov")


def test_folders_outside_are_not_walked_also_through_links(tmp_path):
    root = make(tmp_path / "root", "a.mov", "results/tiny/07_metrics/videos/b.mp4", "results/other/c.mp4")
    (root / "link").symlink_to("results/tiny")
    assert names(root, [str(root / "results" / "tiny")]) == ["a.mov", "results/other/c.mp4"]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path, monkeypatch):
    make(tmp_path, "a.mov", "closed/b.mov")
    scandir = os.scandir

    def refuse(place):
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(LamoError, match=r"closed: the folder cannot be listed \(Permission denied\)"):
        video_files(tmp_path, WANTED)


def test_names_that_are_no_text(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff\n.mov")
    with open(path, "wb"):
        pass
    (file,) = video_files(tmp_path, WANTED)
    assert os.fsencode(file.path) == path
