"""What counts of a Python module: a hash of its code, its imports, and the names that it offers lazily."""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAZY_TABLE = "LAZY"
"""The name of the table of what a package offers lazily (see `lamo.lazy`)."""

# The versions of Python and of this file: what others read has to be read again.
MADE_BY = f"{sys.version_info[:2]} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"

# Level of a relative import (0: absolute), module, names that are taken from it.
Import = tuple[int, str, tuple[str, ...]]


@dataclass(frozen=True)
class Source:
    """Hash of the code of a module, its import statements, and the modules of the names that it offers lazily."""

    digest: str
    imports: tuple[Import, ...]
    lazy: tuple[tuple[str, str], ...] = ()


def short_hash(text: str) -> str:
    """The first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_source(code: str) -> Source:
    """What counts of the text of a Python module. Raises `SyntaxError` or `ValueError` if it is none."""
    tree = ast.parse(code)
    lazy: dict[str, str] = {}
    counted: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            # Its first branch is for type checkers and never runs.
            counted += node.orelse
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == LAZY_TABLE:
            # A lazy name counts for those who use it.
            lazy = ast.literal_eval(node.value)
        else:
            counted.append(node)
    tree.body = counted
    digest = short_hash(json.dumps(_plain(tree), sort_keys=True))
    return Source(digest, tuple(dict.fromkeys(_imports(tree))), tuple(lazy.items()))


def _imports(tree: ast.Module) -> Iterator[Import]:
    """The import statements of a module; and where it imports a package, the attributes that it takes of it."""
    # Name in the module -> level and name of what was imported.
    bound: dict[str, tuple[int, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, ()
                first = alias.name.split(".")[0]
                bound[alias.asname or first] = (0, alias.name if alias.asname else first)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module, tuple(alias.name for alias in node.names)
            for alias in node.names:
                bound[alias.asname or alias.name] = (node.level, f"{module}.{alias.name}".removeprefix("."))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *between = ast.unparse(node.value).split(".")
            level, module = bound.get(first, (0, ""))
            if (module or level) and all(name.isidentifier() for name in between):
                yield level, ".".join([module, *between]), (node.attr,)


def _plain(node: Any) -> Any:
    """A syntax tree as plain JSON without positions, docstrings, field descriptions and empty entries.

    Written out rather than taken from `ast.dump`, whose text differs between versions of Python.
    """
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = fields["body"][1:]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
        fields["keywords"] = [keyword for keyword in node.keywords if keyword.arg != "description"]
    return [type(node).__name__, {key: _plain(value) for key, value in fields.items() if value not in (None, [])}]
