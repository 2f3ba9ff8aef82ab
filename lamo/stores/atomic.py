"""Atomic writing: beside the final place, then a rename into it, so that whatever exists is complete."""

import glob
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamo.errors import LamoError

# Python reads it by setting it: done once, before there are threads.
_UMASK = os.umask(0)
os.umask(_UMASK)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` to write to (a file or a directory); rename it to `path` on success.

    The content is synced to disk before the rename. If the body raises, the temporary is removed, and what was at
    `path` before stays as it was. The temporary's name has the machine and the process in it: a process that outlives a
    killed run cannot rename what the next run has half written. Temporaries of dead processes of this machine are
    removed. A file may be read by whom the process lets read its files: safetensors writes for its owner alone.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    host = platform.node()
    for left in path.parent.glob(f".{glob.escape(path.name)}.{glob.escape(host)}-*.partial{glob.escape(path.suffix)}"):
        if not _alive(int(left.name.removesuffix(f".partial{path.suffix}").rpartition("-")[2])):
            _remove(left)
    temporary = path.with_name(f".{path.name}.{host}-{os.getpid()}.partial{path.suffix}")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_file() and (missing := 0o666 & ~_UMASK & ~temporary.stat().st_mode):
            temporary.chmod(temporary.stat().st_mode | missing)
        _sync(temporary)
        if path.is_dir():
            _remove(path)
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    _sync_entry(path.parent)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON; `LamoError` if the file is missing or not JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LamoError(f"{path}: not found; run the stage that writes it") from None
    except ValueError as error:
        raise LamoError(f"{path}: not valid JSON ({error}); delete it and run the stage that writes it again") from None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if not path.exists():
        raise LamoError(f"{path}: nothing was written to the temporary file")
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        _sync_entry(file)


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
