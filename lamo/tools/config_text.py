"""What the text of a configuration says that is lost once it is read: keys given twice, and words that YAML changes.

Snakemake reads configurations by itself. Of a key that stands twice it takes the last one, an empty section changes
nothing, and of an option that is given twice it takes the last. So the text is looked at again.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lamo.errors import LamoError

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
# Numbers that YAML 1.1 reads in another base than they seem to be written in: 010 is 8, and 1:30 is 90.
OTHER_BASE = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
# Options of Snakemake that take several values, by their names.
OPTIONS = {"--config": ("--config", "-C"), "--configfile": ("--configfile", "--configfiles")}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_text(text: str, place: str) -> None:
    """Check the text of a configuration in YAML or JSON; `place` is what it is called in messages.

    Raises:
        LamoError: a key stands twice in one section, a section or a value is empty, or a word is something else in YAML
            than it seems to be. What cannot be read at all, is not said here.
    """
    if not _is_json(text):
        _check(text, _Reader(place))
    else:
        # JSON may be indented by tabs, YAML may not. No text in JSON has a tab.
        _check(text.replace("\t", " "), _Reader(place, words=False))


def check_files(paths: Sequence[str | Path]) -> None:
    """As `check_text`, of files. One that cannot be read is passed over: who reads it says so."""
    for path in dict.fromkeys(map(Path, paths)):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        check_text(text, _short(path))


def check_entries(entries: Sequence[str]) -> None:
    """As `check_text`, of the KEY=VALUE entries of `--config`, whose values are texts."""
    for entry in entries:
        key, _, value = entry.partition("=")
        if os.fsencode(entry).decode("utf-8", "replace") != entry:
            raise LamoError(
                f"--config: found bytes that are no UTF-8 in {entry!a}, expected a text; "
                "give what it names another name, or make a link that leads to it"
            )
        if value.lstrip()[:1] in ("{", "["):
            _check(f"{key}: {value}", _Reader("--config", words=False, lines=False))


def check_options(arguments: Sequence[str]) -> None:
    """Check a command of Snakemake: `LamoError` if an option that takes several values is given twice."""
    if "snakemake" not in Path(arguments[0]).parts[-2:]:
        return
    for option, names in OPTIONS.items():
        given = [one for one in arguments if one.partition("=")[0] in names]
        if len(given) > 1:
            raise LamoError(
                f"{option}: found {len(given)} times, of which Snakemake takes the last alone; "
                f"write all its values after one {option}"
            )


def _check(text: str, reader: "_Reader") -> None:
    try:
        node = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    if problems := list(reader.problems(node, ())):
        raise LamoError("; ".join(problems))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _short(path: Path) -> str:
    """The path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@dataclass
class _Reader:
    """Walks through the nodes of a text.

    Attributes:
        place: what the text is called.
        words: whether YAML turns words into numbers, dates and truth values; otherwise every value is what it is.
        lines: whether lines of the text mean something to its author.
    """

    place: str
    words: bool = True
    lines: bool = True
    seen: set[int] = field(default_factory=set)

    def problems(self, node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[str]:
        """What is wrong with a node and all below it. A node that an anchor gives again is looked at once."""
        if node is None or id(node) in self.seen:
            return
        self.seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield from self._word(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for number, one in enumerate(node.value):
                yield from self.problems(one, (*path, str(number)))
        elif isinstance(node, yaml.MappingNode):
            if path and not node.value:
                yield f"{self._at(node)}: {'.'.join(path)} is empty, which changes nothing; fill it, or leave it out"
            yield from self._twice(node, path)
            for key, value in node.value:
                yield from self._key(key)
                yield from self.problems(value, (*path, _text(key)))

    def _twice(self, node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[str]:
        first: dict[Any, yaml.Node] = {}
        for key, _ in node.value:
            # What << merges may be given again: that is what it is for.
            if key.tag == MERGE or not isinstance(key, yaml.ScalarNode):
                continue
            value = _value(key) if self.words else key.value
            if value in first:
                lines = sorted({one.start_mark.line + 1 for one in (first[value], key)})
                where = f", line{'s' if len(lines) > 1 else ''} {' and '.join(map(str, lines))}" if self.lines else ""
                name = ".".join((*path, _text(first[value])))
                yield f"{self.place}{where}: found {name} twice, expected every key once; take one of the two out"
            first.setdefault(value, key)

    def _key(self, key: yaml.Node) -> Iterator[str]:
        if self.words and key.tag not in (MERGE, f"{TAG}str"):
            yield f"{self._at(key)}: found {_text(key)} as a key, which YAML does not read as a text; put it in quotes"

    def _word(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> Iterator[str]:
        """A word without quotes."""
        name = ".".join(path)
        if not self.words or node.style:
            return
        if node.tag == f"{TAG}null" and not node.value:
            yield f"{self._at(node)}: {name} has no value; give it one, write null for none, or leave the key out"
        elif node.tag == f"{TAG}timestamp":
            yield f"{self._at(node)}: {name}: found {node.value}, which YAML reads as a date; put it in quotes"
        elif node.tag in (f"{TAG}int", f"{TAG}float") and OTHER_BASE.fullmatch(node.value):
            yield (
                f"{self._at(node)}: {name}: found {node.value}, which YAML reads as {_value(node)}; "
                "write that number, or put a text in quotes"
            )

    def _at(self, node: yaml.Node) -> str:
        return f"{self.place}, line {node.start_mark.line + 1}" if self.lines else self.place


def _value(node: yaml.ScalarNode) -> Any:
    """What YAML reads a word as; the word itself, should it only look like a date or a number."""
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value


def _text(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else "a list or section"
