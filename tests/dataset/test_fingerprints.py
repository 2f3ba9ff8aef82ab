"""Fingerprints: other content is noticed, and the same content recognised."""

import errno
import os

import pytest
from listed_files import listed, write

from lamo.dataset import fingerprints as module
from lamo.dataset.fingerprints import BLOCK, check_unchanged, fingerprint, fingerprints
from lamo.errors import LamoError


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 1, 10 * BLOCK + 7])
def test_content_decides_and_neither_name_nor_time(tmp_path, size):
    content = os.urandom(size)
    one, two = write(tmp_path / "a.mov", content), write(tmp_path / "other" / "b.mov", content)
    os.utime(two, (0, 0))
    assert fingerprint(listed(one)) == fingerprint(listed(two))
    assert len(fingerprint(listed(one))) == 32
    changes = {0, BLOCK - 1, size // 2, size - BLOCK, size - 1} & set(range(size))
    for place in changes if size > 3 * BLOCK else {*changes, *range(0, size, 1 + size // 20)}:
        changed = bytearray(content)
        changed[place] ^= 1
        assert fingerprint(listed(write(two, bytes(changed)))) != fingerprint(listed(one)), place
    assert fingerprint(listed(write(two, content + b"\0"))) != fingerprint(listed(one))


def test_sizes_count_although_the_bytes_read_agree(tmp_path):
    one, two = write(tmp_path / "a.mov", bytes(4 * BLOCK)), write(tmp_path / "b.mov", bytes(5 * BLOCK))
    assert fingerprint(listed(one)) != fingerprint(listed(two))


def test_what_cannot_be_read_says_why_and_never_blocks(tmp_path):
    path = write(tmp_path / "a.mov", b"1")
    file = listed(path)
    path.unlink()
    assert fingerprint(file) == "cannot be read (No such file or directory)"
    os.mkfifo(path)
    assert fingerprint(file) == "not a regular file"
    pipe = listed(path)
    assert fingerprint(pipe) == "not a regular file but a named pipe"
    path.unlink()
    write(path, b"1")
    with pytest.raises(LamoError, match=r"a\.mov: listed as not a regular file but a named pipe, .*; run again"):
        fingerprint(pipe)


@pytest.mark.parametrize("call", ["stat", "open", "pread"])
def test_faults_of_the_disk_are_no_faults_of_the_file(tmp_path, monkeypatch, call):
    file = listed(write(tmp_path / "a.mov", b"1"))
    link = tmp_path / "link.mov"
    link.symlink_to("nowhere")
    broken = listed(link)

    def fail_with(number):
        def fail(*_, **__):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, call, fail)

    for name in ("EIO", "ESTALE", "ETIMEDOUT", "EKEYEXPIRED", "EMFILE"):
        fail_with(getattr(errno, name))
        with pytest.raises(LamoError, match=r"a\.mov: cannot be read \(.*\), .* run again"):
            fingerprints([file])
        if call == "stat":
            with pytest.raises(LamoError, match=r"link\.mov: cannot be read"):
                fingerprint(broken)
    for name in ("ENOENT", "EACCES", "EPERM", "ELOOP", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ENXIO"):
        fail_with(getattr(errno, name))
        assert fingerprint(file) == f"cannot be read ({os.strerror(getattr(errno, name))})"
        assert fingerprint(broken) == "a link that leads nowhere (No such file or directory)"


def test_a_video_is_as_it_was_listed_only_if_all_of_it_can_be_read(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mov", os.urandom(5 * BLOCK))
    before = fingerprint(listed(path))
    check_unchanged(str(path), before)
    for was in ("0" * 32, "cannot be read (Permission denied)"):
        with pytest.raises(LamoError, match=r"a\.mov: its content is another; .*; run again"):
            check_unchanged(str(path), was)
    with monkeypatch.context() as patch:
        patch.setattr(module, "open", lambda *_, **__: Unreadable(), raising=False)
        with pytest.raises(LamoError, match=r"a\.mov: cannot be read \(Input/output error\); .*; run again"):
            check_unchanged(str(path), before)
    path.unlink()
    with pytest.raises(LamoError, match=r"a\.mov: cannot be read \(No such file or directory\); .*; run again"):
        check_unchanged(str(path), before)
    check_unchanged(str(path), "a link that leads nowhere (No such file or directory)")
    check_unchanged(str(tmp_path / r"\xff.mov"), before)


class Unreadable:
    """A file whose disk fails in the second chunk."""

    chunks = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, _):
        self.chunks += 1
        if self.chunks == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return b"1"
