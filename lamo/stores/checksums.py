"""Checksums of the files in a folder."""

import hashlib
from pathlib import Path
from typing import Any

# Snakemake puts this file into every folder that is an output. It does not belong to the content.
FOREIGN = {".snakemake_timestamp"}


def checksums(folder: str | Path, limit: int | None = None) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of every file in `folder`, by its path there; None if larger than `limit`."""
    files = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and path.name not in FOREIGN:
            size = path.stat().st_size
            digest = sha256(path) if limit is None or size <= limit else None
            files[path.relative_to(folder).as_posix()] = {"bytes": size, "sha256": digest}
    return files


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
