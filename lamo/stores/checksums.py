"""Checksums of the files in a folder, and which files in it are foreign."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

TIMESTAMP = ".snakemake_timestamp"
"""What Snakemake puts into every folder that is an output."""

# What file managers, editors and network drives put into the folders of others. Nothing that LaMo writes is called so.
FOREIGN_FOLDERS = (
    *("@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information"),
    *("__MACOSX", "lost+found"),
)
FOREIGN = (
    # .DS_Store, ._name, .nfs0000..., .fuse_hidden..., .~lock.name#, .name.swp, .directory, and Snakemake's TIMESTAMP
    ".*",
    *("*~", "#*#", "~$*", "*.bak", "*.swp"),
    *("Thumbs.db", "ehthumbs.db", "[Dd]esktop.ini", "Icon\r"),
    *FOREIGN_FOLDERS,
)
"""Patterns of names of foreign files and folders."""


def is_foreign(name: str | PurePosixPath) -> bool:
    """Whether a path inside a folder is that of a foreign file, by its own name or by that of a folder above it."""
    return any(fnmatchcase(part, pattern) for part in PurePosixPath(name).parts for pattern in FOREIGN)


def files_below(folder: str | Path) -> Iterator[str]:
    """Paths of all files below `folder`, as seen from there. A folder that may not be listed counts as empty."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def checksums(folder: str | Path) -> dict[str, dict[str, Any]]:
    """`checksum` of every file in `folder` that is not foreign, by its path there."""
    return {name: checksum(Path(folder, name)) for name in sorted(files_below(folder)) if not is_foreign(name)}


def checksum(path: Path, limit: int | None = None) -> dict[str, Any]:
    """Bytes and SHA-256 of a file; None for the latter if the file is larger than `limit`."""
    size = path.stat().st_size
    return {"bytes": size, "sha256": sha256(path) if limit is None or size <= limit else None}


def differing(
    folder: str | Path, expected: Mapping[str, Any], limit: int | None = None
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The files of a manifest that are missing or changed in `folder`: name and `checksum`, None where there is none.

    `expected` has the `checksum` of every file by its name. Of a file larger than `limit` only the size is compared.
    """
    for name in sorted(expected):
        path = Path(folder, name)
        actual = checksum(path, limit) if path.is_file() else None
        if not _agree(expected[name], actual) and not is_foreign(name):
            yield name, actual


def _agree(expected: Mapping[str, Any], actual: Mapping[str, Any] | None) -> bool:
    if actual is None:
        return False
    return expected["bytes"] == actual["bytes"] and actual["sha256"] in (None, expected["sha256"])


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
