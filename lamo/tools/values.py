"""Which config values changed, read from the text in which Snakemake says why a job would run.

Snakemake compares the parameters of a job with those of the finished one by value and reports, as text and without
names, the values that only one side has. The names come from the record of the finished job. What Snakemake does not
say is which new value took the place of which old one. That is decided here by likeness: two sections with the most
keys in common, or two values of the same type. A wrong guess gives a clumsy text, never a wrong set of jobs.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Snakemake writes this where one side has no values of its own.
NOTHING = "<nothing exclusive>"


def parse_change(reason: str) -> tuple[list[Any], list[Any]]:
    """The values that only the finished job had, and those that only the new job has; both without names.

    Snakemake writes them as Python literals: "... before: 1,{'a': 2} now: 3". If the text cannot be read, both lists
    are empty.
    """
    found = re.search(r"Params have changed.*?: before: (.*) now: (.*?)\s*(?:;|$)", reason, re.DOTALL)
    if found is None:
        return [], []
    try:
        before, now = (list(ast.literal_eval(f"({part},)")) if part != NOTHING else [] for part in found.groups())
    except (SyntaxError, ValueError):
        return [], []
    return before, now


def changed_values(before: list[Any], now: list[Any], names: Mapping[str, Any]) -> list[str]:
    """A text for each value that changed: "config value predictor.head.blocks was 3, is 2".

    `names` are the parameters of the finished job by name. A value that is not among them is named by its keys alone.
    Hashes are left out.
    """
    left = [value for value in now if not is_hash(value)]
    texts = []
    for old in before:
        if is_hash(old):
            continue
        name = next((name for name, value in names.items() if _plain(value) == _plain(old)), "")
        new = max(left, key=lambda value: _likeness(old, value), default=None)
        if new is None or _likeness(old, new) == 0:
            texts.append(_text(name, old, "not there"))
            continue
        left.remove(new)
        texts += [_text(path, *values) for path, values in _differences(old, new, name)]
    return texts + [f"a value is new: {_shown(new)}" for new in left]


def _text(name: str, old: Any, new: Any) -> str:
    called = f"config value {name}" if name else "a config value"
    return f"{called} was {_shown(old)}, is {_shown(new)}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Paths below `path` at which two values differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if _plain(old) != _plain(new):
            yield path, (old, new)
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _differences(old.get(key, "not there"), new.get(key, "not there"), f"{path}.{key}".lstrip("."))


def _likeness(old: Any, new: Any) -> float:
    """How likely two values are the same parameter, before and now; 0 for certainly not."""
    if isinstance(old, dict) and isinstance(new, dict):
        return 1 + len(old.keys() & new.keys())
    numbers = (int, float)
    return float(type(old) is type(new) or (isinstance(old, numbers) and isinstance(new, numbers)))


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def is_hash(value: Any) -> bool:
    """Whether a value is a hash, of code or of the list of videos."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16,}", value) is not None
