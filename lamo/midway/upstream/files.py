"""The files of given networks: one that takes the place of the Midway training, one that it begins with."""

from pathlib import Path

from lamo.errors import LamoError

# As in `lamo.training.model_files`, which Snakemake would wait for: it imports PyTorch.
WEIGHTS, CONFIG = "model.safetensors", "config.json"
SAVED = f"a folder with {WEIGHTS} and {CONFIG}"


def checkpoint_files(path: str | Path | None, folder: str | Path) -> list[str]:
    """The files of `midway.checkpoint`: a published checkpoint, or weights and configuration of a run of this project.

    `folder` is where the imported model goes. Raises `LamoError` if a file is missing or lies there itself.
    """
    if path is None:
        return []
    path = Path(path)
    files = [path]
    if path.is_dir() or path.name == WEIGHTS:
        files = _saved(path if path.is_dir() else path.parent)
    return _checked("midway.checkpoint", path, files, f"a published checkpoint, or {SAVED}", folder)


def start_files(path: str | Path | None, folder: str | Path) -> list[str]:
    """The files of `midway.training.start`. `folder` and errors are as for `checkpoint_files`."""
    return [] if path is None else _checked("midway.training.start", Path(path), _saved(Path(path)), SAVED, folder)


def _saved(folder: Path) -> list[Path]:
    return [folder / WEIGHTS, folder / CONFIG]


def _checked(key: str, path: Path, files: list[Path], expected: str, folder: str | Path) -> list[str]:
    missing = ", ".join(str(file) for file in files if not file.is_file())
    if missing:
        raise LamoError(f"config: {key}: found no file {missing}; expected {expected}")
    if files[0].resolve().parent == Path(folder).resolve():
        raise LamoError(f"config: {key}: {path} is what this run itself writes; give another name as run")
    return [str(file) for file in files]
