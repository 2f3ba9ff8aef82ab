"""Files in a store that its manifest does not list: foreign ones are passed over, chunks of its arrays are damage."""

import json
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.checksums import TIMESTAMP, files_below

# A chunk as Zarr v3 names it: `c` and a number for every dimension.
CHUNK = re.compile(r"(?P<array>.+)/c(?P<numbers>(/(0|[1-9][0-9]*))*)")
SHOWN = 3

log = logging.getLogger(__name__)
_said: set[tuple[Path, tuple[str, ...]]] = set()


def pass_over_unlisted(store: Path, listed: Collection[str]) -> None:
    """Say in the log, once a process, which files of `store` are not `listed`.

    Raises:
        LamoError: one of them stands where an array of the store would read a chunk. A chunk that holds nothing but the
            array's fill value is not written, so such a file would change the data.
    """
    names = unlisted(store, listed)
    for name in names:
        if _is_chunk(store, name, listed):
            raise LamoError(
                f"{store / name}: the manifest expects no file there, and the array would read it as data; "
                "delete that file"
            )
    if names and (key := (store, tuple(names))) not in _said:
        _said.add(key)
        log.info("%s", foreign_files(store, names))


def unlisted(store: Path, listed: Collection[str]) -> list[str]:
    """The files below `store` that are not `listed`, but for Snakemake's own."""
    return sorted(name for name in files_below(store) if name not in listed and not name.endswith(TIMESTAMP))


def foreign_files(folder: Path, names: Collection[str]) -> str:
    """The sentence that says which files are passed over."""
    first = sorted(names)[:SHOWN]
    more = f" and {len(names) - len(first)} more" if len(names) > len(first) else ""
    return f"{folder}: passed over, not part of it: {', '.join(map(_shown, first))}{more}"


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n").replace("\r", "\\r")


def _is_chunk(store: Path, name: str, listed: Collection[str]) -> bool:
    """Whether a listed array would read the file as one of its chunks."""
    found = CHUNK.fullmatch(name)
    if not found or f"{found['array']}/zarr.json" not in listed:
        return False
    numbers = [int(number) for number in found["numbers"].split("/")[1:]]
    counts = list(_chunks(store / found["array"] / "zarr.json"))
    return len(numbers) == len(counts) and all(number < count for number, count in zip(numbers, counts, strict=True))


def _chunks(description: Path) -> Iterator[int]:
    """Number of chunks (or shards) of an array along each dimension."""
    described = json.loads(description.read_text(encoding="utf-8"))
    sides = described["chunk_grid"]["configuration"]["chunk_shape"]
    for length, side in zip(described["shape"], sides, strict=True):
        yield -(-length // side)
