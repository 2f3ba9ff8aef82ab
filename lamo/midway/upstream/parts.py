"""Reading the parts and the stored arguments of a published Midway checkpoint."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.upstream.names import PREFIXES
from lamo.midway.upstream.pickle_machine import Stub
from lamo.midway.upstream.safe_unpickle import read_checkpoint


@dataclass(frozen=True)
class Upstream:
    """Weights of a published checkpoint by part and, as they are named there, by name; and its stored arguments."""

    weights: dict[str, dict[str, Tensor]]
    args: "Arguments"

    def tensor(self, part: str, name: str, ndim: int) -> Tensor:
        """A tensor that tells the geometry; `LamoError` if it is missing."""
        tensor = self.weights[part].get(PREFIXES[part] + name)
        if tensor is None or tensor.ndim != ndim or 0 in tensor.shape:
            raise LamoError(f"{part} has no weights {PREFIXES[part]}{name} with {ndim} axes")
        return tensor

    def count(self, part: str, pattern: str) -> int:
        """How many different numbers stand at the group of `pattern` in the names of a part; `LamoError` if none."""
        prefix = re.escape(PREFIXES[part])
        found = {match[1] for name in self.weights[part] if (match := re.match(prefix + pattern, name))}
        if not found:
            shown = pattern.replace(r"(\d+)", "*").replace("\\", "")
            raise LamoError(f"{part} has no weights named {PREFIXES[part]}{shown}")
        return len(found)


class Arguments:
    """Stored arguments: a mapping of plain values and of configuration objects, which hold theirs inside."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get(self, key: str, kind: type | UnionType, default: Any) -> Any:
        """An argument; the default where it is absent or null, `LamoError` where it is of another kind."""
        value = peel(self._values.get(key))
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise LamoError(f"stored argument {key} is {shown(value)}, expected {getattr(kind, '__name__', kind)}")
        return value

    def integers(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """An argument that is a list of whole numbers from 0."""
        values = tuple(peel(value) for value in self.get(key, list, default))
        if not all(type(value) is int and value >= 0 for value in values):
            raise LamoError(f"stored argument {key} is {shown(values)}, expected whole numbers from 0")
        return values

    def section(self, key: str) -> "Arguments":
        """Arguments grouped under `key`; none where it is absent."""
        return Arguments(self.get(key, Mapping, {}))

    def require(self, known: Mapping[str, Any]) -> None:
        """`LamoError` if an argument that is present has another value than the known one."""
        for key, wanted in known.items():
            value = peel(self._values.get(key, wanted))
            if type(value) is not type(wanted) or value != wanted:
                raise LamoError(f"stored argument {key} is {shown(value)}; only {wanted!r} can be computed")


def read_upstream(path: str | Path) -> Upstream:
    """The parts of a published checkpoint; `LamoError` if one is missing or is of another model."""
    content = read_checkpoint(path)
    if not isinstance(content, Mapping):
        raise LamoError(f"it holds an object of {type(content).__name__}, expected the parts of a training run")
    parts = {}
    for part, prefix in PREFIXES.items():
        tensors = peel(content.get(part))
        if not isinstance(tensors, Mapping):
            found = ", ".join(map(shown, list(content)[:6]))
            raise LamoError(f"there is no part {part!r}; found {found}{', ...' if len(content) > 6 else ''}")
        parts[part] = {str(name): one for name, one in tensors.items() if isinstance(one, Tensor)}
        if not any(name.startswith(prefix) for name in parts[part]):
            raise LamoError(f"{part} has no weights named {prefix}*; it is of another model")
    args = peel(content.get("args"))
    if not isinstance(args, Mapping):
        raise LamoError("there are no stored arguments ('args'), and head counts cannot be read from weights")
    return Upstream(weights=parts, args=Arguments(args))


def peel(value: Any) -> Any:
    """The plain value inside configuration objects (stubs); what containers hold stays as it is."""
    for _ in range(8):
        if isinstance(value, Stub):
            value = value.state
        elif isinstance(value, Mapping) and (inner := [key for key in ("_content", "_val") if key in value]):
            value = value[inner[0]]
        else:
            return value
    raise LamoError("a stored argument is nested beyond reason")


def shown(value: Any) -> str:
    """A foreign value for a message, cut short; containers by their type."""
    return repr(value)[:80] if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
