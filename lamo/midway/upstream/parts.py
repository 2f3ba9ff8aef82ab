"""Reading the parts and the stored arguments of a published Midway checkpoint."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.upstream.names import PREFIXES, as_published
from lamo.midway.upstream.pickle_machine import Stub
from lamo.midway.upstream.safe_unpickle import read_checkpoint, some

_SAVE = "save the state dictionaries of student, teacher and motion_loss, and args, as the published code does"
# Counts that averages of weights keep beside them.
COUNTERS = tuple(f"{outer}n_averaged" for outer in ("", "module."))


@dataclass(frozen=True)
class Upstream:
    """A published checkpoint.

    Attributes:
        weights: tensors by part and name; names are as published, whatever wrappers the model was saved in.
        others: what else the parts hold, in words, by part and name.
        args: the stored arguments.
    """

    weights: dict[str, dict[str, Tensor]]
    others: dict[str, dict[str, str]]
    args: "Arguments"

    def tensor(self, part: str, name: str, ndim: int) -> Tensor:
        """A tensor that tells the geometry; `LamoError` if it is missing."""
        tensor = self.weights[part].get(PREFIXES[part] + name)
        if tensor is None or tensor.ndim != ndim or 0 in tensor.shape:
            wanted = f"{PREFIXES[part]}{name}"
            raise LamoError(f"{part} has no weights {wanted} with {ndim} axes{self.instead(part, [wanted])}")
        return tensor

    def instead(self, part: str, names: Iterable[str]) -> str:
        """What stands where weights of these `names` are missing, and what to do; empty where nothing does."""
        found = [f"{name} is {self.others[part][name]}" for name in names if name in self.others[part]]
        return f" ({', '.join(found[:2])}; save these weights again as plain tensors)" if found else ""

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
        value = self._peeled(key)
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

    def _peeled(self, key: str, default: Any = None) -> Any:
        found = self._values.get(key, default)
        if isinstance(found, Stub) and found.state is None and found.items is None:
            raise LamoError(f"stored argument {key} is {shown(found)}; save it again as a plain value")
        return peel(found)

    def section(self, key: str) -> "Arguments":
        """Arguments grouped under `key`; none where it is absent."""
        return Arguments(self.get(key, Mapping, {}))

    def require(self, known: Mapping[str, Any]) -> None:
        """`LamoError` if an argument that is present has another value than the known one."""
        for key, wanted in known.items():
            value = self._peeled(key, wanted)
            if type(value) is not type(wanted) or value != wanted:
                raise LamoError(f"stored argument {key} is {shown(value)}; only {wanted!r} can be computed")


def read_upstream(path: str | Path) -> Upstream:
    """The parts of a published checkpoint; `LamoError` if one is missing or is of another model."""
    content = read_checkpoint(path)
    if not isinstance(content, Mapping):
        raise LamoError(f"it holds {shown(content)}, expected the parts of a training run; {_SAVE}")
    weights: dict[str, dict[str, Tensor]] = {}
    others: dict[str, dict[str, str]] = {}
    for part, prefix in PREFIXES.items():
        weights[part], others[part] = _part(content, part)
        if not any(name.startswith(prefix) for name in (*weights[part], *others[part])):
            found = some(list(weights[part]), 3) or "none"
            raise LamoError(f"{part} has no weights named {prefix}*; it is of another model (found {found})")
    args = peel(content.get("args"))
    if not isinstance(args, Mapping):
        raise LamoError("there are no stored arguments ('args'), and head counts cannot be read from weights")
    return Upstream(weights, others, Arguments(args))


def _part(content: Mapping[Any, Any], part: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a part by their published names, and what else it holds."""
    found = content.get(part)
    values = peel(found)
    # A whole model that was pickled, or anything else, is an object whose state is no state dictionary.
    tensors = isinstance(values, Mapping) and any(isinstance(one, Tensor) for one in values.values())
    if not isinstance(values, Mapping) or (isinstance(found, Stub) and not tensors):
        parts = some([shown(key) for key in content])
        where = f"part {part!r} is {shown(found)}" if part in content else f"there is no part {part!r}"
        raise LamoError(f"{where}; found {parts}; expected its state dictionary; {_SAVE}")
    weights: dict[str, Tensor] = {}
    others: dict[str, str] = {}
    for key, value in values.items():
        name = as_published(part, str(key))
        if name in weights:
            raise LamoError(f"{part} has two weights named {name} once the names of wrappers are left out")
        if isinstance(value, Tensor):
            weights[name] = value
        else:
            others[name] = shown(value)
    return {name: tensor for name, tensor in weights.items() if name not in COUNTERS}, others


def peel(value: Any) -> Any:
    """The plain value inside configuration objects (stubs); what containers hold stays as it is."""
    for _ in range(8):
        if isinstance(value, Stub):
            value = value.items if value.state is None else value.state
        elif isinstance(value, Mapping) and (inner := [key for key in ("_content", "_val") if key in value]):
            value = value[inner[0]]
        else:
            return value
    raise LamoError("a stored argument is nested beyond reason")


def shown(value: Any) -> str:
    """A foreign value for a message, cut short; containers by their type."""
    if isinstance(value, Stub):
        return f"an object of {some([value.name])}"
    return repr(value)[:80] if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
