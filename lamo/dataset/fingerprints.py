"""Fingerprints of videos: they tell that the content of a file has changed, without reading all of it.

A fingerprint is a hash of a file's size and of its first, middle and last 64 KiB. Files that agree in these count as
the same content: headers and indices of videos lie at either end, and two recordings do not share 64 KiB of middle.
"""

import errno
import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from lamo.dataset.walk import VideoFile
from lamo.errors import LamoError
from lamo.stores.atomic import replacing

BLOCK = 64 * 1024
# Reading mostly waits, above all on a network drive; so there are more threads than cores.
THREADS = 16
BATCH = 32
# A file that was read sooner than this after a change could change again and keep its time stamp.
SETTLED_NS = 2 * 10**9
DIGITS = 32
HASH = re.compile(f"[0-9a-f]{{{DIGITS}}}")
# As `find_videos` writes bytes of a name that are not UTF-8.
ESCAPED = re.compile(r"\\x[89a-f][0-9a-f]")
# If a file has become a pipe since it was listed, opening it must not wait for a writer.
OPENING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
CHUNK = 2**20
# Errors that lie in the file or its place. Others come from the disk or the network, and may pass.
OF_THE_FILE = {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENXIO),
}
# The cache, beside the list of videos that the workflow writes.
CACHE = "fingerprints.json"
FORMAT = 1

log = logging.getLogger(__name__)


def fingerprint(file: VideoFile) -> str:
    """Fingerprint of one file, 32 hexadecimal digits; or, if the file cannot be read, why. Never blocks.

    Raises `LamoError` where the disk or the network fails, which says nothing about the file and may pass, and if what
    is wrong with the file according to its listing has already passed.
    """
    try:
        found = _look(file.path)
    except OSError as error:
        raise LamoError(
            f"{file.path}: cannot be read ({error.strerror}), which is no fault of the file; "
            "see to the disk or the network drive, then run again"
        ) from None
    if file.problem and is_hash(found):
        raise LamoError(f"{file.path}: listed as {file.problem}, and a moment later a file that can be read; run again")
    return file.problem or found


def check_unchanged(path: str, listed: str) -> None:
    """Check that the video at `path` can be read as when its fingerprint was `listed`: all of it is read.

    Raises `LamoError` otherwise: what its decoding came to is then no fact about the video. One that could not be read
    when it was listed either, and one whose name cannot be written in a table (`find_videos`), passes.
    """
    if ESCAPED.search(path) and not os.path.lexists(path):
        return
    try:
        now = _look(path)
        if not is_hash(now) and not is_hash(listed):
            return
        problem = "" if now == listed else "its content is another" if is_hash(now) else now
        if not problem:
            with open(os.open(path, OPENING), "rb", buffering=0) as file:
                while file.read(CHUNK):
                    pass
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    if problem:
        raise LamoError(f"{path}: {problem}; the video changed or cannot be read since it was listed; run again")


def _look(path: str) -> str:
    """Fingerprint of the file, or why it has none; `OSError` if that does not lie in the file."""
    try:
        # Not even opened: to open a device can do something to it.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "not a regular file"
        descriptor = os.open(path, OPENING)
        try:
            return _hash_of(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in OF_THE_FILE:
            raise
        return f"cannot be read ({error.strerror})"


def _hash_of(descriptor: int) -> str:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    size = found.st_size
    starts = (0, (size - BLOCK) // 2, size - BLOCK) if size > 3 * BLOCK else range(0, size, BLOCK)
    content = hashlib.blake2b(str(size).encode() + b"\0", digest_size=DIGITS // 2)
    for start in starts:
        content.update(os.pread(descriptor, BLOCK, start))
    return content.hexdigest()


def is_hash(value: str) -> bool:
    """Whether a fingerprint is one, and not the reason why there is none."""
    return HASH.fullmatch(value) is not None


def fingerprints(
    files: Sequence[VideoFile],
    cache: str | Path | None = None,
    roots: Mapping[str, str] = MappingProxyType({"": "."}),
    *,
    keep: bool = True,
) -> list[str]:
    """Fingerprints of `files`. Those of unchanged files come from the file `cache`, which is updated if `keep`.

    A file has changed when its path below the one of `roots` (folders by name) that it lies in, its size or its time
    stamps have. A cache that is damaged is written anew; of two processes that do so at once, either's stays.
    """
    now = time.time_ns()
    known = _read_cache(cache) if cache else {}
    keys = [[file.size, *file.times_ns] for file in files]
    names = _names_below(files, roots)
    entries = [known.get(name) for name in names]
    result = [entry[1] if entry and entry[0] == key else "" for entry, key in zip(entries, keys, strict=True)]
    new = [index for index, value in enumerate(result) if not value]
    for index, value in zip(new, _read_all([files[index] for index in new]), strict=True):
        result[index] = value
    if cache and keep:
        settled = {
            name: [key, value]
            for name, file, key, value in zip(names, files, keys, result, strict=True)
            if is_hash(value) and abs(now - max(file.times_ns)) > SETTLED_NS
        }
        if settled != known:
            _write_cache(cache, settled)
    return result


def _names_below(files: Sequence[VideoFile], roots: Mapping[str, str]) -> list[str]:
    """Paths below the folders of videos: below train and val there may be files of the same name."""
    prefixes = {os.path.join(Path(root), ""): f"{name}/" if name else "" for name, root in roots.items()}

    def name_of(path: str) -> str:
        for prefix, name in prefixes.items():
            if path.startswith(prefix):
                return name + path.removeprefix(prefix)
        return path

    return [name_of(file.path) for file in files]


def _read_all(files: list[VideoFile]) -> list[str]:
    batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    bar = tqdm(total=len(files), desc="looking at new videos", unit="video", delay=2.0, mininterval=1.0)
    with bar, ThreadPoolExecutor(THREADS) as pool:

        def read(batch: list[VideoFile]) -> list[str]:
            return [fingerprint(file) for file in batch]

        done = []
        for values in pool.map(read, batches):
            done.append(values)
            bar.update(len(values))
    return list(chain.from_iterable(done))


def _read_cache(path: str | Path) -> dict[str, list[Any]]:
    """Fingerprints by name: [[size, *times], fingerprint]; empty if there are none that can be read."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return {}
        files = content["files"]
        if not all(len(key) == 3 and is_hash(value) for key, value in files.values()):
            raise ValueError("entries of another form")
        return files
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s: cannot be used (%s); looking at every video again", path, error)
        return {}


def _write_cache(path: str | Path, files: dict[str, list[Any]]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, "files": files}), encoding="utf-8")
