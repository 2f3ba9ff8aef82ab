"""An interpreter for pickles that calls nothing that a pickle names.

A pickle is a program for a stack machine; Python's own machine imports and calls whatever the program names. This one
builds plain data. A name stays a name. "Calling" it runs the small function that the reader of the file keeps for that
name; where there is none, a `Stub` stands for the result. So what a file holds besides plain data is passed over,
whatever it is, and an error is left to those who need it.
"""

import pickle
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
KEYS = (str, int, float, bytes, type(None))


class Refused(Exception):
    """The pickle asks for something that is not admitted; the message names it."""


class Stub:
    """Stands for an object of a library, and does nothing.

    Attributes:
        name: what the file calls to make it.
        state: what the file gives it as its state; None if nothing.
        items: what the file puts into it: a list, or a dictionary; None if nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Any = None
        self.items: Any = None


@dataclass(frozen=True)
class Name:
    """A class or function as a pickle names it, and what is run where the pickle would call it: nothing if None."""

    module: str
    name: str
    rebuild: Callable[..., Any] | None = None

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class PickleMachine:
    """Runs one pickle. `find` turns a module and a name into a `Name`; `storage` reads what the pickle refers to
    outside itself."""

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

    # --- the stack ---

    def _mark(self, _: Any) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _pop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    # --- containers ---

    def _tuple(self, _: Any) -> None:
        items = tuple(self._since_mark())
        self._stack.append(items)

    def _tuple_of(self, count: int) -> None:
        items = tuple(self._stack.pop() for _ in range(count))
        self._stack.append(items[::-1])

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(items)

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(_pairs(items))

    def _set(self, _: Any) -> None:
        """A set, in which nothing is ever looked up: its items need not be such that they can be in one."""
        self._since_mark()
        self._stack.append(Stub("builtins.frozenset"))

    def _append(self, items: list[Any]) -> None:
        self._container(list).extend(items)

    def _set_items(self, items: list[Any]) -> None:
        self._container(dict).update(_pairs(items))

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _container(self, kind: Any) -> Any:
        """The list or dictionary on top of the stack; where a stub lies there, what is put into it."""
        target = self._stack[-1]
        if isinstance(target, Stub):
            if type(target.items) is not kind:
                target.items = kind()
            return target.items
        if type(target) is not kind:
            raise Refused(f"putting items into an object of {type(target).__name__}")
        return target

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
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError(f"arguments of {called} that are no tuple")
        self._stack.append(_called(called, arguments))

    def _new_with_keywords(self, _: Any) -> None:
        self._stack.pop()
        self._reduce(None)

    def _instance(self, argument: str) -> None:
        arguments = tuple(self._since_mark())
        self._stack.append(_called(self._find(*argument.split(" ", 1)), arguments))

    def _object(self, _: Any) -> None:
        called, *arguments = self._since_mark()
        self._stack.append(_called(called, tuple(arguments)))

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Stub):
            target.state = state
        elif type(target) is not dict:  # what state dictionaries carry as attributes is not needed
            raise Refused(f"setting the state of an object of {type(target).__name__}")

    def _persistent(self, _: Any) -> None:
        self._stack.append(self._storage(self._stack.pop()))


def keyed(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dictionary of `pairs`. Keys that are no plain values, which nobody here looks up, become stubs."""
    return {key if isinstance(key, KEYS) else Stub(type(key).__name__): value for key, value in pairs}


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return keyed(zip(items[::2], items[1::2], strict=True))


def _called(called: Any, arguments: tuple[Any, ...]) -> Any:
    if isinstance(called, Name):
        return called.rebuild(*arguments) if called.rebuild else Stub(str(called))
    if isinstance(called, Stub):
        return Stub(called.name)
    raise Refused(f"calling an object of {type(called).__name__}")


def _nothing(machine: PickleMachine, argument: Any) -> None:
    """Instructions that only frame the program."""


INSTRUCTIONS: dict[str, Callable[[PickleMachine, Any], None]] = {
    "PROTO": _nothing,
    "FRAME": _nothing,
    "MARK": PickleMachine._mark,
    "POP": PickleMachine._pop,
    "POP_MARK": PickleMachine._pop_mark,
    "DUP": lambda machine, _: machine._stack.append(machine._stack[-1]),
    "TUPLE": PickleMachine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "LIST": PickleMachine._list,
    "DICT": PickleMachine._dict,
    "FROZENSET": PickleMachine._set,
    "EMPTY_LIST": lambda machine, _: machine._stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine._stack.append({}),
    "EMPTY_SET": lambda machine, _: machine._stack.append(Stub("builtins.set")),
    "APPEND": lambda machine, _: machine._append([machine._stack.pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._since_mark()),
    "ADDITEMS": lambda machine, _: machine._append(machine._since_mark()),
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
    "NEWOBJ_EX": PickleMachine._new_with_keywords,
    "INST": PickleMachine._instance,
    "OBJ": PickleMachine._object,
    "BUILD": PickleMachine._build,
    "BINPERSID": PickleMachine._persistent,
}
