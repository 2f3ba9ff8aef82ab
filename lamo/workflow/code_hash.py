"""Hashes of the code that a rule's script reaches, so that an edit re-runs what depends on it and nothing else."""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lamo.errors import LamoError

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "lamo"
OUTSIDE = f"{PACKAGE}.workflow"
"""A package of plumbing that does not count."""


def code_hash(script: str | Path, root: str | Path = ROOT, package: str = PACKAGE) -> str:
    """Hash of the code that `script` runs: its own and that of every module of `package` that it reaches.

    Modules are followed through imports, transitively (absolute, relative, inside functions, package `__init__`
    included). Comments, formatting, docstrings and the descriptions of config fields do not count, nor do the modules
    in `OUTSIDE`. Raises `LamoError` if a file is missing or not Python.
    """
    return _code_hash(Path(script).resolve(), Path(root).resolve(), package)


def code_modules(
    script: str | Path, modules: tuple[str, ...] = (), root: str | Path = ROOT, package: str = PACKAGE
) -> dict[str, str]:
    """Hashes of what `code_hash` looks at, one by one, by path in `root`.

    `modules` are names of further modules, beside those that the script imports.
    """
    script, root = Path(script).resolve(), Path(root).resolve()
    hashes = {}
    for name, text in _reached(script, tuple(modules), root, package).items():
        path = _module_path(name, root) if name else script
        hashes[path.relative_to(root).as_posix()] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return hashes


@cache
def _code_hash(script: Path, root: Path, package: str) -> str:
    found = _reached(script, (), root, package)
    content = ", ".join(f"{json.dumps(name)}: {text}" for name, text in sorted(found.items()))
    return hashlib.sha256(f"{{{content}}}".encode()).hexdigest()[:16]


def _reached(script: Path, modules: tuple[str, ...], root: Path, package: str) -> dict[str, str]:
    """What counts of the script (named '') and of every module that it and `modules` reach."""
    text, names = _read(script, script.name, "", root, package)
    found, todo = {"": text}, [*names, *modules]
    while todo:
        name = todo.pop()
        if name not in found and not _outside(name):
            path = _module_path(name, root)
            parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
            found[name], more = _read(path, str(path.relative_to(root)), parent, root, package)
            todo += more
    return found


def _outside(name: str) -> bool:
    return name == OUTSIDE or name.startswith(f"{OUTSIDE}.")


@cache
def _read(path: Path, shown: str, parent: str, root: Path, package: str) -> tuple[str, tuple[str, ...]]:
    """What counts of a module, as JSON, and the modules of `package` that it imports."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise LamoError(f"{shown}: cannot be read as Python ({error}); correct the file") from None
    names = tuple(dict.fromkeys(_imports(tree, parent, root, package)))
    return json.dumps(_plain(tree), sort_keys=True), names


def _imports(tree: ast.Module, parent: str, root: Path, package: str) -> Iterator[str]:
    """Names of the modules of `package` that `tree`, a module inside the package `parent`, imports."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = parent.split(".")[: len(parent.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == package:
                prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
                yield from (prefix for prefix in prefixes if _module_path(prefix, root) is not None)


@cache
def _module_path(name: str, root: Path) -> Path | None:
    stem = root.joinpath(*name.split("."))
    candidates = (stem / "__init__.py", stem.with_name(f"{stem.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


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
