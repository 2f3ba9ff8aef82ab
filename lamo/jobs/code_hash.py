"""Hashes of the code that a rule's script reaches, so that an edit re-runs what depends on it and nothing else."""

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
"""What was made of sources that were read before, below the working directory, which is that of a run."""
PACKAGE = "lamo"
OUTSIDE = f"{PACKAGE}.jobs"
"""A package of plumbing that does not count."""

# By what digests are made; those of another version are forgotten.
MADE_BY = f"{sys.version_info[:2]} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"


def predictor_modules(predictor: str) -> list[str]:
    """The modules that scripts load by the name of a predictor (`lamo.predictors.build`)."""
    return [f"{PACKAGE}.predictors.{predictor}.predictor"]


def code_hash(script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT, package: str = PACKAGE) -> str:
    """Hash of the code that `script` runs: one for all that `code_modules` finds. Raises as that does."""
    found = code_modules(script, modules, root, package)
    return _short(json.dumps(found, sort_keys=True))


def code_modules(
    script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT, package: str = PACKAGE
) -> dict[str, str]:
    """Hash of each file that `script` reaches, its own included: path in the repository -> hash, in order of the paths.

    Modules of `package` are followed through imports, transitively (absolute, relative, inside functions, package
    `__init__` included), and so are `modules`, names of those that the script loads by name. Comments, formatting,
    docstrings and the descriptions of config fields do not count, nor do the modules in `OUTSIDE`. Raises `LamoError`
    if a file is missing or not Python.
    """
    found = _code_modules(Path(script).resolve(), tuple(modules), Path(root).resolve(), package)
    _memo().save()
    return dict(found)


@cache
def _code_modules(script: Path, modules: tuple[str, ...], root: Path, package: str) -> tuple[tuple[str, str], ...]:
    shown = script.relative_to(root).as_posix() if script.is_relative_to(root) else script.name
    digest, names = _read(script, shown, "", root, package)
    found, seen, todo = {shown: digest}, set(), [*modules, *names]
    for name in modules:
        if _module_path(name, root) is None:
            raise LamoError(f"{shown}: found no module {name} in {root}; correct the name in the rule")
    while todo:
        name = todo.pop()
        if name not in seen and not _outside(name):
            seen.add(name)
            path = _module_path(name, root)
            parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
            shown = path.relative_to(root).as_posix()
            found[shown], more = _read(path, shown, parent, root, package)
            todo += more
    return tuple(sorted(found.items()))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _outside(name: str) -> bool:
    return name == OUTSIDE or name.startswith(f"{OUTSIDE}.")


@cache
def _memo() -> SourceMemo:
    """Of this process: every job of a run starts Snakemake, and so asks for the hash of all code again."""
    return SourceMemo(MEMO, MADE_BY)


@cache
def _read(path: Path, shown: str, parent: str, root: Path, package: str) -> tuple[str, tuple[str, ...]]:
    """Hash of what counts of a module, and the modules of `package` that it imports."""
    memo = _memo()
    try:
        source = memo.get(path.read_text(encoding="utf-8"), _source)
    except (OSError, SyntaxError, ValueError) as error:
        raise LamoError(f"{shown}: cannot be read as Python ({error}); correct the file") from None
    return source.digest, tuple(dict.fromkeys(_modules(source.imports, parent, root, package)))


def _source(code: str) -> Source:
    """Hash of what counts of some code, and its import statements."""
    tree = ast.parse(code)
    imports: list[Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return Source(_short(json.dumps(_plain(tree), sort_keys=True)), tuple(imports))


def _modules(imports: Sequence[Import], parent: str, root: Path, package: str) -> Iterator[str]:
    """Names of the modules of `package` that a module inside the package `parent` imports."""
    for level, module, names in imports:
        above = parent.split(".")[: len(parent.split(".")) - level + 1] if level else []
        base = ".".join([*above, *([module] if module else [])])
        for name in (base, *(f"{base}.{name}" for name in names)):
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
