"""A memo of what was made of sources, on disk, by their content: code is read far more often than it changes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, write_json

# Level of a relative import (0: absolute), module, names that are taken from it.
Import = tuple[int, str, tuple[str, ...]]


@dataclass(frozen=True)
class Source:
    """Hash of what counts of a source, and its import statements."""

    digest: str
    imports: tuple[Import, ...]


class SourceMemo:
    """`Source`s by the SHA-256 of the bytes that they were made of.

    They are kept in `file` if the folder that it is to lie in exists. Those that another version of the module
    `made_by` made are dropped. Processes that write at the same time lose entries to each other, which costs time.
    """

    def __init__(self, file: Path, made_by: Path) -> None:
        self.file, self._made_by, self._changed = file.absolute(), _sha(made_by.read_bytes()), False
        self._sources: dict[str, Source] = {}
        kept = read_json(self.file) if self.file.exists() else {}
        try:
            if kept and kept["made_by"] == self._made_by:
                self._sources = {name: _of_json(*value) for name, value in kept["sources"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise LamoError(f"{self.file}: found no memo of sources in it ({error}); delete the file") from None

    def get(self, code: bytes, make: Callable[[bytes], Source]) -> Source:
        """What `make` makes of `code`, from the memo if it is there."""
        key = _sha(code)
        if key not in self._sources:
            self._sources[key], self._changed = make(code), True
        return self._sources[key]

    def save(self) -> None:
        """Keep what is new."""
        if self._changed and self.file.parent.is_dir():
            sources = {name: [source.digest, source.imports] for name, source in self._sources.items()}
            write_json(self.file, {"made_by": self._made_by, "sources": sources})
            self._changed = False


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _of_json(digest: str, imports: list[tuple[int, str, list[str]]]) -> Source:
    return Source(digest, tuple((level, module, tuple(names)) for level, module, names in imports))
