"""Manifests: the small file beside a Zarr store that says that the store is finished, and what is in it."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, write_json
from lamo.stores.checksums import checksums, differing
from lamo.stores.unlisted import pass_over_unlisted

FORMAT = 2
# Larger files hold rows. Each row has a checksum, compared when the row is read (lamo/stores/rows.py): hashing
# terabytes at every opening would take longer than the work itself.
HASHED_AT_OPENING_BYTES = 2**20
# In numbers of 8 bytes. Half of the limit, since numbers that do not compress take a little more space.
COLUMN_CHUNK = HASHED_AT_OPENING_BYTES // 16


def write_column(group: zarr.Group, name: str, values: np.ndarray) -> None:
    """Write a number per row or clip, [N], in chunks small enough to be hashed when the store is opened."""
    group.create_array(name, data=values, chunks=(COLUMN_CHUNK,))


def read_column(group: zarr.Group, name: str) -> np.ndarray:
    """The whole column of a checked store, [N]."""
    return np.asarray(group[name][:])  # type: ignore[index]  # a group's member may be a group; the manifest says array


def write_manifest(store: Path, manifest: Path, kind: str, **facts: Any) -> None:
    """Write the manifest of a finished store: arrays with shape and dtype, checksum and size of each file, `facts`."""
    group = zarr.open_group(str(store), mode="r", zarr_format=3)
    arrays = {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in sorted(group.arrays())}
    content = {"format": FORMAT, "kind": kind, "arrays": arrays, "files": checksums(store), "facts": facts}
    write_json(manifest, content)


def check_manifest(store: Path, manifest: Path, kind: str, whole: bool = False) -> dict[str, Any]:
    """Compare a store with its manifest and return the manifest's `facts`.

    Names and sizes of the files that the manifest lists are compared, and the content of those up to
    `HASHED_AT_OPENING_BYTES`, or of all if `whole`. Other files in the store are passed over, and named in the log.
    Raises `LamoError` if the manifest is missing (the store is unfinished), of another kind or format, if a listed file
    is missing or changed, or if another file stands where an array would read it.
    """
    content = read_json(manifest)
    found = (content.get("kind"), content.get("format")) if isinstance(content, dict) else (None, None)
    if found != (kind, FORMAT):
        raise LamoError(f"{manifest}: found kind and format {found}, expected {(kind, FORMAT)}; write the store again")
    if not store.is_dir():
        raise LamoError(f"{store}: the store is missing though its manifest {manifest} exists; write the store again")
    expected, limit = content["files"], None if whole else HASHED_AT_OPENING_BYTES
    for name, actual in differing(store, expected, limit):
        raise LamoError(
            f"{store / name}: found {_describe(actual)}, the manifest expects {_describe(expected[name])}; "
            "delete the store and run its stage again"
        )
    pass_over_unlisted(store, expected)
    return content["facts"]


def _describe(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "no file"
    return f"{entry['bytes']} bytes" + (f" with SHA-256 {entry['sha256'][:12]}" if entry["sha256"] else "")
