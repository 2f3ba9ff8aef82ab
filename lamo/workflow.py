"""What the Snakemake workflow needs around the science: jobs with logs, hashes of code, locks that a kill releases.

This module is plumbing. It stays outside the code hash: changing it makes no result out of date.
"""

import ast
import fcntl
import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from lamo.errors import LamoError

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "lamo"
OUTSIDE = frozenset({f"{PACKAGE}.workflow"})

log = logging.getLogger(__name__)


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a rule's script, logging to the rule's log file and to standard error.

    `LamoError` becomes one line in both and exit status 1; any other exception leaves its traceback in the log file and
    one line on standard error. `snakemake` is the object that Snakemake puts into the script.
    """
    logfile = Path(snakemake.log[0])
    logfile.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.FileHandler(logfile, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers[1].setFormatter(logging.Formatter("%(message)s"))
    handlers[0].setLevel(logging.DEBUG)
    handlers[1].setLevel(logging.INFO)
    package = logging.getLogger(PACKAGE)
    package.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    listeners = [package, logging.getLogger("py.warnings")]
    for logger in listeners:
        for handler in handlers[: 2 if logger is package else 1]:
            logger.addHandler(handler)
    try:
        yield
    except LamoError as error:
        log.error("error in rule %s: %s", snakemake.rule, _one_line(error))
        raise SystemExit(1) from None
    except Exception as error:
        log.debug("traceback", exc_info=True)
        kind = type(error).__name__
        log.error("unexpected %s in rule %s: %s (traceback in %s)", kind, snakemake.rule, _one_line(error), logfile)
        raise SystemExit(1) from None
    finally:
        for handler in handlers:
            for logger in listeners:
                logger.removeHandler(handler)
            handler.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def use_threads(count: int) -> None:
    """Let PyTorch use `count` threads. Only scripts that need PyTorch call this: importing it takes seconds."""
    import torch

    torch.set_num_threads(count)


def release_stale_lock(directory: str | Path) -> TextIO | None:
    """Take the working directory for this process and drop the Snakemake lock that a killed process left behind.

    Snakemake's own lock files outlive a `kill -9`; a lock of the operating system does not. Who holds the latter knows
    that no other run is alive in `directory`. Returns the open file (keep it: closing releases the lock), or None if
    another process holds it; then Snakemake's own lock decides.
    """
    state = Path(directory) / ".snakemake"
    state.mkdir(parents=True, exist_ok=True)
    file = (state / "lamo.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    for stale in (state / "locks").glob("*.lock"):
        stale.unlink(missing_ok=True)
    return file


def code_hash(script: str | Path, root: str | Path = ROOT, package: str = PACKAGE) -> str:
    """Hash of the code that `script` runs: its own and that of every module of `package` that it reaches.

    Modules are followed through imports, transitively (absolute, relative, inside functions, package `__init__`
    included). Comments, formatting, docstrings and the descriptions of config fields do not count, nor do the modules
    in `OUTSIDE`. Raises `LamoError` if a file is missing or not Python.
    """
    return _code_hash(Path(script).resolve(), Path(root).resolve(), package)


@cache
def _code_hash(script: Path, root: Path, package: str) -> str:
    text, todo = _read(script, script.name, "", root, package)
    found, todo = {"": text}, list(todo)
    while todo:
        name = todo.pop()
        if name not in found and name not in OUTSIDE:
            path = _module_path(name, root)
            parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
            found[name], more = _read(path, str(path.relative_to(root)), parent, root, package)
            todo += more
    content = ", ".join(f"{json.dumps(name)}: {text}" for name, text in sorted(found.items()))
    return hashlib.sha256(f"{{{content}}}".encode()).hexdigest()[:16]


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


def checkpoint_files(path: str | Path | None, folder: str | Path) -> list[str]:
    """The files of `midway.checkpoint`: a published checkpoint, or weights and configuration of a run of this project.

    `folder` is where the imported model goes. Raises `LamoError` if a file is missing or lies there itself.
    """
    if path is None:
        return []
    path = Path(path)
    files = [path]
    if path.is_dir() or path.name == "model.safetensors":
        parent = path if path.is_dir() else path.parent
        files = [parent / "model.safetensors", parent / "config.json"]
    missing = ", ".join(str(file) for file in files if not file.is_file())
    if missing:
        expected = "a published checkpoint, or a folder with model.safetensors and config.json"
        raise LamoError(f"config: midway.checkpoint: found no file {missing}; expected {expected}")
    if files[0].resolve().parent == Path(folder).resolve():
        raise LamoError(f"config: midway.checkpoint: {path} is what this run itself writes; give another name as run")
    return [str(file) for file in files]


def show_results(results: str | Path) -> None:
    """Print the table of a run, if it has come that far, and where its files lie."""
    folder = Path(results) / "07_metrics"
    if not (folder / "table.txt").exists():
        return
    print((folder / "table.txt").read_text(encoding="utf-8"))
    kinds = (
        ("table.csv", "the table for programs; table.md and table.tex for people"),
        ("probe.md", "what the motion tokens say of speed and yaw rate"),
        ("contact_sheet.png", "truth and methods as rows, time as columns"),
        ("figures", "metrics against time, training losses"),
        ("videos", "rollouts beside the truth"),
    )
    for name, content in kinds:
        if (folder / name).exists():
            print(f"{folder / name}: {content}")


if __name__ == "__main__":
    show_results(sys.argv[1])
