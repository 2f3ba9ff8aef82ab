"""Fingerprints of videos: what tells the workflow that a file's content has changed, without reading all of it.

A fingerprint is a hash of a file's size and of its first, middle and last 64 KiB. Files that agree in these count as
the same content: headers and indices of videos lie at either end, and two recordings do not share 64 KiB of middle.
"""

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from lamo.clips.walk import VideoFile
from lamo.stores.atomic import replacing

BLOCK = 64 * 1024
# Reading is waiting, on a network drive above all: more threads than cores.
THREADS = 16
BATCH = 32
# A file that changed less than this before it was read may change again without getting another time stamp.
SETTLED_NS = 2 * 10**9
DIGITS = 32
# The cache, beside the list of videos that the workflow writes.
CACHE = "fingerprints.json"
FORMAT = 1

log = logging.getLogger(__name__)


def fingerprint(file: VideoFile) -> str:
    """Fingerprint of one file, 32 hexadecimal digits; if it cannot be read, the reason. Never blocks, never raises."""
    if file.problem:
        return file.problem
    try:
        # Should the file have become a pipe since it was listed, opening it must not wait for a writer.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return "not a regular file"
        size = found.st_size
        starts = (0, (size - BLOCK) // 2, size - BLOCK) if size > 3 * BLOCK else range(0, size, BLOCK)
        content = hashlib.blake2b(str(size).encode() + b"\0", digest_size=DIGITS // 2)
        for start in starts:
            content.update(os.pread(descriptor, BLOCK, start))
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    finally:
        os.close(descriptor)
    return content.hexdigest()


def fingerprints(files: Sequence[VideoFile], cache: str | Path | None = None) -> list[str]:
    """Fingerprints of `files`, those that have not changed since from the file `cache`, which is brought up to date.

    A file has changed when its name, size or time stamps have. A cache that is damaged is written anew; of two
    processes that do so at once, either's stays.
    """
    now = time.time_ns()
    known = _read_cache(cache) if cache else {}
    keys = [[file.size, *file.times_ns] for file in files]
    entries = [known.get(file.name) for file in files]
    result = [entry[1] if entry and entry[0] == key else "" for entry, key in zip(entries, keys, strict=True)]
    new = [index for index, value in enumerate(result) if not value]
    for index, value in zip(new, _read_all([files[index] for index in new]), strict=True):
        result[index] = value
    if cache:
        settled = {
            file.name: [key, value]
            for file, key, value in zip(files, keys, result, strict=True)
            if len(value) == DIGITS and abs(now - max(file.times_ns)) > SETTLED_NS
        }
        if settled != known:
            _write_cache(cache, settled)
    return result


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


def _read_cache(path: str | Path) -> dict[str, list]:
    """Fingerprints by name: [[size, *times], fingerprint]; empty if there are none that can be read."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            return {}
        files = content["files"]
        if not all(len(key) == 3 and len(value) == DIGITS for key, value in files.values()):
            raise ValueError("entries of another form")
        return files
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s: cannot be used (%s); looking at every video again", path, error)
        return {}


def _write_cache(path: str | Path, files: dict[str, list]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, "files": files}), encoding="utf-8")
