"""Hashes of the code that a rule's script reaches, so that an edit re-runs what depends on it and nothing else.

The code of a script is the script and all modules of this package that it imports, and that these import. What a
script loads by a name that is only known at run time, such as the module of a predictor, is given to `code_hash`.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.source_memo import Import, Source, SourceMemo

ROOT = Path(__file__).resolve().parents[2]
MEMO = Path(".snakemake", "code_hashes.json")
"""Where the hashes of files that were read before are kept, below the working directory of a run."""
PACKAGE = "lamo"
OUTSIDE = f"{PACKAGE}.jobs"
"""A package that no result depends on, so that its code does not count."""
LAZY_TABLE = "LAZY"
"""The name of the table of what a package offers lazily (see `lamo.lazy`)."""

# The versions of Python and of this file: the memo forgets what others made.
MADE_BY = f"{sys.version_info[:2]} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"


def predictor_modules(predictor: str) -> list[str]:
    """The modules that scripts load by the name of a predictor (`lamo.predictors.build`)."""
    return [f"{PACKAGE}.predictors.{predictor}.predictor"]


def code_hash(script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT) -> str:
    """One hash of the code that `script` runs: of all that `code_modules` finds. Raises as that does."""
    found = code_modules(script, modules, root)
    return _short(json.dumps(found, sort_keys=True))


def code_modules(script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT) -> dict[str, str]:
    """Hash of each file that `script` reaches, its own included: path in the repository -> hash, in order of the paths.

    Imports of modules of `PACKAGE` are followed, wherever they stand: absolute or relative, inside functions, with the
    `__init__.py` of each package. A name that a package offers lazily leads to its module for those who use the name.
    `modules` are followed too: what the script loads by name. Comments, formatting, docstrings and the descriptions of
    config fields do not count, nor do the modules in `OUTSIDE`. Raises `LamoError` if a file is missing or not Python.
    """
    found = _code_modules(Path(script).resolve(), tuple(modules), Path(root).resolve())
    _memo().save()
    return dict(found)


@cache
def _code_modules(script: Path, modules: tuple[str, ...], root: Path) -> tuple[tuple[str, str], ...]:
    shown = script.relative_to(root).as_posix() if script.is_relative_to(root) else script.name
    for name in modules:
        if _module_path(name, root) is None:
            raise LamoError(f"{shown}: found no module {name} in {root}; correct the name in the rule")
    source = _read(script, shown)
    found = {shown: source.digest}
    todo = [*modules, *imported_modules(source, "", root)]
    seen = set()
    while todo:
        name = todo.pop()
        path = _module_path(name, root)
        if path is None or name in seen or _outside(name):
            continue
        seen.add(name)
        shown = path.relative_to(root).as_posix()
        source = _read(path, shown)
        found[shown] = source.digest
        todo += imported_modules(source, name if path.name == "__init__.py" else name.rpartition(".")[0], root)
    return tuple(sorted(found.items()))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _outside(name: str) -> bool:
    return name == OUTSIDE or name.startswith(f"{OUTSIDE}.")


@cache
def _memo() -> SourceMemo:
    """The memo of this process. Every job of a run starts Snakemake, which asks for the hash of all code again."""
    return SourceMemo(MEMO, MADE_BY)


@cache
def _read(path: Path, shown: str) -> Source:
    try:
        return _memo().get(path.read_text(encoding="utf-8"), read_source)
    except (OSError, SyntaxError, ValueError) as error:
        raise LamoError(f"{shown}: cannot be read as Python ({error}); correct the file") from None


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
    digest = _short(json.dumps(_plain(tree), sort_keys=True))
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
            if level or module.split(".")[0] == PACKAGE:
                yield level, ".".join([module, *between]), (node.attr,)


def imported_modules(source: Source, parent: str, root: Path = ROOT) -> list[str]:
    """Names of the modules of `PACKAGE` that a module inside the package `parent` imports, with their packages."""
    found: dict[str, None] = {}
    for level, module, names in source.imports:
        above = parent.split(".")[: len(parent.split(".")) - level + 1] if level else []
        base = ".".join([*above, *([module] if module else [])])
        if base.split(".")[0] == PACKAGE:
            lazy = _lazy_names(base, root)
            wanted = lazy if "*" in names else names
            for name in (base, *(lazy.get(name, f"{base}.{name}") for name in wanted)):
                parts = name.split(".")
                prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
                found.update((prefix, None) for prefix in prefixes if _module_path(prefix, root) is not None)
    return list(found)


def _lazy_names(package: str, root: Path) -> dict[str, str]:
    """The names that a package offers lazily -> their modules; empty for a module or a name of none."""
    path = _module_path(package, root)
    return dict(_read(path, path.relative_to(root).as_posix()).lazy) if path and path.name == "__init__.py" else {}


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
