"""What was read of Python modules before, kept on disk: code is read far more often than it changes."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

from lamo.jobs.python_source import Source
from lamo.stores.atomic import write_json

logger = logging.getLogger(__name__)

FORMAT = 2
"""Of the file. A file of another format is ignored and written again."""


class SourceMemo:
    """`Source`s by the SHA-256 of the text that they were made of; `made_by` names the version of what made them.

    They are kept in `file` if its folder exists. If the file cannot be read or written, a warning says so and the code
    is read again. Processes that write at the same time can lose each other's entries, which are then read again.
    """

    def __init__(self, file: Path, made_by: str) -> None:
        self.file, self._made_by, self._changed = file.absolute(), f"{FORMAT} {made_by}", False
        self._sources: dict[str, Source] = {}
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            if kept["made_by"] == self._made_by:
                self._sources = {name: _of_json(*value) for name, value in kept["sources"].items()}
        except FileNotFoundError:
            pass  # as before the first run
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            logger.warning("%s: found no memo of sources in it (%s); all code is read again", self.file, error)

    def get(self, code: str, make: Callable[[str], Source]) -> Source:
        """What `make` makes of `code`, from the memo if it is there."""
        key = hashlib.sha256(code.encode()).hexdigest()
        if key not in self._sources:
            self._sources[key], self._changed = make(code), True
        return self._sources[key]

    def save(self) -> None:
        """Keep what is new."""
        if self._changed and self.file.parent.is_dir():
            self._changed = False
            sources = {name: [source.digest, source.imports, source.lazy] for name, source in self._sources.items()}
            try:
                write_json(self.file, {"made_by": self._made_by, "sources": sources})
            except OSError as error:
                logger.warning("%s: cannot be written (%s); code will be read again", self.file, error)


def _of_json(digest: str, imports: list[tuple[int, str, list[str]]], lazy: list[tuple[str, str]]) -> Source:
    statements = tuple((level, module, tuple(names)) for level, module, names in imports)
    return Source(digest, statements, tuple((name, module) for name, module in lazy))
