"""Hashes of the code that a rule's script reaches, so that an edit re-runs what depends on it and nothing else.

The code of a script is the script and all modules of this package that it imports, and that these import. What a
script loads by a name that is only known at run time, such as the module of a kind of predictors, is given to
`code_hash`; such a module may lie in another package, whose modules are then followed too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from lamo.errors import LamoError
from lamo.jobs.python_source import MADE_BY, Source, read_source, short_hash
from lamo.jobs.source_memo import SourceMemo

ROOT = Path(__file__).resolve().parents[2]
MEMO = Path(".snakemake", "code_hashes.json")
"""Where the hashes of files that were read before are kept, below the working directory of a run."""
PACKAGE = "lamo"
OUTSIDE = f"{PACKAGE}.jobs"
"""No result depends on this package, so its code is not hashed."""

# Packages that are followed, with the folder that each lies in.
Packages = tuple[tuple[str, Path], ...]

# What the hashes of this process were made of: the script, and the modules that it loads by name.
_MADE_OF: dict[str, tuple[Path, tuple[str, ...]]] = {}


def code_hash(script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT) -> str:
    """One hash of the code that `script` runs: of all that `code_modules` finds. Raises as that does."""
    found = short_hash(json.dumps(code_modules(script, modules, root), sort_keys=True))
    _MADE_OF[found] = (Path(script), tuple(modules))
    return found


def made_of(digest: str) -> tuple[Path, tuple[str, ...]] | None:
    """Script and modules of a hash that `code_hash` gave in this process; None if it gave no such hash."""
    return _MADE_OF.get(digest)


def existing_modules(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the modules `names` that are there, in this repository or where Python looks."""
    names = tuple(names)
    packages = _packages(names, ROOT)
    return tuple(name for name in names if _module_path(name, packages) is not None)


def code_modules(script: str | Path, modules: Sequence[str] = (), root: str | Path = ROOT) -> dict[str, str]:
    """Hash of each file that `script` reaches, its own included: path in the repository -> hash, in order of the paths.

    Imports of modules of `PACKAGE` are followed, wherever they stand: absolute or relative, inside functions, with the
    `__init__.py` of each package. A name that a package offers lazily leads to its module for those who use the name.
    `modules` are followed too: what the script loads by name. If one of them lies in a package outside the repository,
    imports of that package are followed as well; its files are named by their place in it. Comments, formatting,
    docstrings and the descriptions of config fields do not count, nor do the modules in `OUTSIDE`. Raises `LamoError`
    if a file is missing or not Python.
    """
    found = _code_modules(Path(script).resolve(), tuple(modules), Path(root).resolve())
    _memo().save()
    return dict(found)


@cache
def _code_modules(script: Path, modules: tuple[str, ...], root: Path) -> tuple[tuple[str, str], ...]:
    shown = script.relative_to(root).as_posix() if script.is_relative_to(root) else script.name
    packages = _packages(modules, root)
    for name in modules:
        if _module_path(name, packages) is None:
            raise LamoError(f"{shown}: found no module {name} in {root} or where Python looks; correct its name")
    source = _read(script, shown)
    found = {shown: source.digest}
    # With the packages that the named modules lie in, whose `__init__` runs before them.
    todo = [parent for name in modules for parent in _with_parents(name, packages)]
    todo += imported_modules(source, "", packages)
    seen = set()
    while todo:
        name = todo.pop()
        path = _module_path(name, packages)
        if path is None or name in seen or _outside(name):
            continue
        seen.add(name)
        shown = path.relative_to(dict(packages)[name.split(".")[0]]).as_posix()
        source = _read(path, shown)
        found[shown] = source.digest
        todo += imported_modules(source, name if path.name == "__init__.py" else name.rpartition(".")[0], packages)
    return tuple(sorted(found.items()))


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


def _packages(modules: Sequence[str], root: Path) -> Packages:
    """`PACKAGE`, which lies in `root`, and the packages of those of `modules` that lie elsewhere."""
    found = {PACKAGE: root}
    for name in modules:
        top = name.split(".")[0]
        if top not in found and (place := _place(top)) is not None:
            found[top] = place
    return tuple(found.items())


def _place(package: str) -> Path | None:
    """The folder in which Python finds a package or module, without importing it."""
    spec = PathFinder.find_spec(package)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin).resolve().parent if spec.origin else None


def imported_modules(source: Source, parent: str, packages: Packages) -> list[str]:
    """Names of the modules of `packages` that a module inside the package `parent` imports, with their packages."""
    found: dict[str, None] = {}
    followed = {package for package, _ in packages}
    for level, module, names in source.imports:
        above = parent.split(".")[: len(parent.split(".")) - level + 1] if level else []
        base = ".".join([*above, *([module] if module else [])])
        if base.split(".")[0] in followed:
            lazy = _lazy_names(base, packages)
            wanted = lazy if "*" in names else names
            for name in (base, *(lazy.get(name, f"{base}.{name}") for name in wanted)):
                found.update((prefix, None) for prefix in _with_parents(name, packages))
    return list(found)


def _with_parents(name: str, packages: Packages) -> Iterator[str]:
    """A module and the packages that it lies in, if they are of `packages`."""
    parts = name.split(".")
    prefixes = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return (prefix for prefix in prefixes if _module_path(prefix, packages) is not None)


def _lazy_names(package: str, packages: Packages) -> dict[str, str]:
    """The names that a package offers lazily -> their modules; empty for a module, or for what is neither."""
    path = _module_path(package, packages)
    if path is None or path.name != "__init__.py":
        return {}
    return dict(_read(path, path.relative_to(dict(packages)[package.split(".")[0]]).as_posix()).lazy)


@cache
def _module_path(name: str, packages: Packages) -> Path | None:
    root = dict(packages).get(name.split(".")[0])
    if root is None:
        return None
    stem = root.joinpath(*name.split("."))
    candidates = (stem / "__init__.py", stem.with_name(f"{stem.name}.py"))
    return next((path for path in candidates if path.is_file()), None)
