"""The cache of fingerprints: what has not changed is not read again, and a damaged cache is written anew."""

import json
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from listed_files import write

from lamo.dataset import fingerprints as module
from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.dataset.fingerprints import fingerprints
from lamo.dataset.walk import video_files


@pytest.fixture
def reads(monkeypatch):
    """Paths of the files that are read; time stamps count as settled at once."""
    paths, original, lock = [], module.fingerprint, threading.Lock()

    def counted(file):
        with lock:
            paths.append(Path(file.path).name)
        return original(file)

    monkeypatch.setattr(module, "fingerprint", counted)
    monkeypatch.setattr(module, "SETTLED_NS", 0)
    return paths


@pytest.fixture
def folder(tmp_path):
    for index in range(40):
        write(tmp_path / "videos" / f"{index}.mov", b"%d" % index)
    return tmp_path / "videos"


def all_of(folder: Path, cache: Path | None) -> dict[str, str]:
    files = video_files(folder, [".mov"])
    return dict(zip([file.name for file in files], fingerprints(files, cache, {"": str(folder)}), strict=True))


def test_only_what_changed_is_read_again(folder, tmp_path, reads):
    cache = tmp_path / "new" / "cache.json"
    first = all_of(folder, cache)
    assert len(set(first.values())) == len(reads) == 40
    assert all_of(folder, None) == first
    reads.clear()
    assert all_of(folder, cache) == first
    assert reads == []
    before = cache.stat()
    os.utime(folder / "3.mov")
    write(folder / "4.mov", b"X")
    (folder / "5.mov").unlink()
    write(folder / "new.mov", b"5")
    second = all_of(folder, cache)
    assert sorted(reads) == ["3.mov", "4.mov", "new.mov"]
    assert second["new.mov"] == first["5.mov"]
    assert {name for name in first if second.get(name) != first[name]} == {"4.mov", "5.mov"}
    assert cache.stat().st_ino != before.st_ino
    assert "5.mov" not in json.loads(cache.read_text())["files"]


def test_nothing_changed_leaves_the_cache_alone(folder, tmp_path, reads):
    cache = tmp_path / "cache.json"
    all_of(folder, cache)
    before = cache.stat()
    all_of(folder, cache)
    after = cache.stat()  # not the whole of it: reading may set the time of access
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_replaced_file_of_the_same_size_and_time_is_read_again(folder, tmp_path, reads):
    cache, path = tmp_path / "cache.json", folder / "11.mov"
    first, stamp = all_of(folder, cache), path.stat()
    reads.clear()
    write(tmp_path / "other", b"99")
    os.utime(tmp_path / "other", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    os.replace(tmp_path / "other", path)
    assert path.stat().st_mtime_ns == stamp.st_mtime_ns
    assert all_of(folder, cache)["11.mov"] != first["11.mov"]
    assert reads == ["11.mov"]


def test_what_changed_a_moment_ago_is_not_trusted_yet(folder, tmp_path, reads, monkeypatch):
    monkeypatch.setattr(module, "SETTLED_NS", 3600 * 10**9)
    all_of(folder, tmp_path / "cache.json")
    all_of(folder, tmp_path / "cache.json")
    assert len(reads) == 80


def test_what_could_not_be_read_is_tried_again(folder, tmp_path, reads, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert set(all_of(folder, tmp_path / "cache.json").values()) == {"cannot be read (Permission denied)"}
    assert "cannot" not in "".join(all_of(folder, tmp_path / "cache.json").values())


def test_a_reason_as_long_as_a_fingerprint_is_none(folder, tmp_path, reads, monkeypatch):
    reason, cache = "cannot be read (Key has expired)", tmp_path / "cache.json"
    assert len(reason) == 32
    with monkeypatch.context() as patch:
        patch.setattr(module, "_look", lambda _: reason)
        assert set(all_of(folder, cache).values()) == {reason}
    assert not cache.exists()
    assert reason not in all_of(folder, cache).values()


def test_files_of_one_name_in_train_and_val_do_not_displace_each_other(tmp_path, reads):
    write(tmp_path / "videos" / "train" / "a.mov", b"1")
    write(tmp_path / "videos" / "val" / "a.mov", b"2")
    root = tmp_path / "videos"
    find = partial(find_videos, VideosConfig(), root, {"train": 1, "val": 1})
    first = find(partial(fingerprints, cache=tmp_path / "cache.json", roots={"": str(root)}))
    assert set(json.loads((tmp_path / "cache.json").read_text())["files"]) == {"train/a.mov", "val/a.mov"}
    reads.clear()
    assert find(partial(fingerprints, cache=tmp_path / "cache.json", roots={"": f"{root}/"})).equals(first)
    assert reads == []


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"format": 0, "files": {}}',
        b'{"format": 1}',
        b'{"format": 1, "files": [1]}',
        b'{"format": 1, "files": {"0.mov": 5}}',
        b'{"format": 1, "files": {"0.mov": [[1, 2, 3], 5]}}',
        b'{"format": 1, "files": {"0.mov": [[1], "0123"]}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_cache_is_written_anew(folder, tmp_path, reads, damage):
    cache = tmp_path / "cache.json"
    expected = all_of(folder, cache)
    sound = cache.read_bytes()
    cache.write_bytes(damage)
    assert all_of(folder, cache) == expected
    assert cache.read_bytes() == sound


def test_a_cache_cut_off_anywhere_is_harmless(folder, tmp_path, reads):
    cache = tmp_path / "cache.json"
    expected = all_of(folder, cache)
    content = cache.read_bytes()
    for end in range(0, len(content), 97):
        cache.write_bytes(content[:end])
        assert all_of(folder, cache) == expected


RACE = """
import sys
from pathlib import Path
from lamo.dataset import fingerprints as module
from lamo.dataset.walk import video_files

module.SETTLED_NS, cache, files = 0, Path(sys.argv[2]), video_files(sys.argv[1], [".mov"])
expected = module.fingerprints(files)
for _ in range(50):
    cache.unlink(missing_ok=True)
    assert module.fingerprints(files, cache) == expected
"""


def test_two_processes_at_once_leave_a_whole_cache(folder, tmp_path, reads):
    cache = tmp_path / "caches" / "cache.json"
    command = [sys.executable, "-c", RACE, str(folder), str(cache)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [child.communicate()[1] for child in children] == ["", ""]
    expected = all_of(folder, None)
    reads.clear()
    assert all_of(folder, cache) == expected
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


def test_find_videos_uses_the_cache(folder, tmp_path, reads):
    find = partial(find_videos, VideosConfig(split="by_time"), folder, {"train": 1, "val": 1})
    first = find(partial(fingerprints, cache=tmp_path / "cache.json"))
    assert len(reads) == 40, "one reading for both parts of a video"
    assert first.equals(find(partial(fingerprints, cache=tmp_path / "cache.json")))
    assert len(reads) == 40
