"""An interpreter for pickles that calls nothing that a pickle names.

A pickle is a program for a stack machine; Python's own machine imports and calls whatever the program names. This one
knows the instructions that build plain data. A name stays a name; "calling" it runs the small function that the reader
of the file keeps for that name, and what has no such function is refused before anything is done with it.
"""

import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
KEYS = (str, int, float, bytes, type(None))


class Refused(Exception):
    """The pickle asks for something that is not admitted; the message names it."""


class Stub:
    """Stands for an object of a library: keeps the state that the file gives it and does nothing."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None


@dataclass(frozen=True)
class Name:
    """A class or function as a pickle names it, and what is run where the pickle would call it."""

    module: str
    name: str
    rebuild: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class PickleMachine:
    """Runs one pickle. `find` turns a module and a name into a `Name` or raises `Refused`; `storage` reads what the
    pickle refers to outside itself."""

    def __init__(self, find: Callable[[str, str], Name], storage: Callable[[Any], Any]) -> None:
        self._find, self._storage = find, storage
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        """The value that `program` builds; `Refused`, or some error of a damaged program, if it cannot be had."""
        for opcode, argument, _ in pickletools.genops(program):
            name = opcode.name
            if name == "STOP":
                return self._stack.pop()
            if name in LITERALS:
                self._stack.append(argument)
            elif name in CONSTANTS:
                self._stack.append(CONSTANTS[name])
            elif name in INSTRUCTIONS:
                INSTRUCTIONS[name](self, argument)
            else:
                raise Refused(f"the pickle instruction {name}")
        raise pickle.UnpicklingError("no end")

    # --- containers ---

    def _mark(self, _: Any) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _tuple(self, _: Any) -> None:
        items = tuple(self._since_mark())
        self._stack.append(items)

    def _tuple_of(self, count: int) -> None:
        items = tuple(self._stack.pop() for _ in range(count))
        self._stack.append(items[::-1])

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise Refused(f"appending to an object of {type(target).__name__}")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict:
            raise Refused(f"setting items of an object of {type(target).__name__}")
        target.update(keyed(zip(items[::2], items[1::2], strict=True)))

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    # --- memory ---

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    # --- names and what stands for calling them ---

    def _global(self, argument: str) -> None:
        self._stack.append(self._find(*argument.split(" ", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._find(str(module), str(name)))

    def _reduce(self, _: Any) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(called, Name):
            raise Refused(f"calling an object of {type(called).__name__}")
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError(f"arguments of {called} that are no tuple")
        self._stack.append(called.rebuild(*arguments))

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Stub):
            target.state = state
        elif type(target) is not dict:  # what state dictionaries carry as attributes is not needed
            raise Refused(f"setting the state of an object of {type(target).__name__}")

    def _persistent(self, _: Any) -> None:
        self._stack.append(self._storage(self._stack.pop()))


def keyed(pairs: Any) -> dict[Any, Any]:
    """A dictionary of `pairs` whose keys are plain values."""
    items = list(pairs)
    for key, _ in items:
        if not isinstance(key, KEYS):
            raise Refused(f"a dictionary key of {type(key).__name__}")
    return dict(items)


def _nothing(machine: PickleMachine, argument: Any) -> None:
    """Instructions that only frame the program."""


INSTRUCTIONS: dict[str, Callable[[PickleMachine, Any], None]] = {
    "PROTO": _nothing,
    "FRAME": _nothing,
    "MARK": PickleMachine._mark,
    "TUPLE": PickleMachine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "EMPTY_LIST": lambda machine, _: machine._stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine._stack.append({}),
    "APPEND": lambda machine, _: machine._append([machine._stack.pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._since_mark()),
    "SETITEM": PickleMachine._set_item,
    "SETITEMS": lambda machine, _: machine._set_items(machine._since_mark()),
    "PUT": PickleMachine._put,
    "BINPUT": PickleMachine._put,
    "LONG_BINPUT": PickleMachine._put,
    "MEMOIZE": lambda machine, _: machine._put(len(machine._memo)),
    "GET": PickleMachine._get,
    "BINGET": PickleMachine._get,
    "LONG_BINGET": PickleMachine._get,
    "GLOBAL": PickleMachine._global,
    "STACK_GLOBAL": PickleMachine._stack_global,
    "REDUCE": PickleMachine._reduce,
    "NEWOBJ": PickleMachine._reduce,
    "BUILD": PickleMachine._build,
    "BINPERSID": PickleMachine._persistent,
}
