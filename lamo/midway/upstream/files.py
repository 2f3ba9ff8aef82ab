"""The files of a network that takes the place of the Midway training."""

from pathlib import Path

from lamo.training.start import SAVED, WEIGHTS, checked_files, saved_files


def checkpoint_files(path: str | Path | None, folder: str | Path) -> list[str]:
    """The files of `midway.checkpoint`: a published checkpoint, or weights and configuration of a run of this project.

    `folder` is where the imported model goes. Raises `LamoError` if a file is missing or lies there itself.
    """
    if path is None:
        return []
    path = Path(path)
    files = [path]
    if path.is_dir() or path.name == WEIGHTS:
        files = saved_files(path if path.is_dir() else path.parent)
    return checked_files("midway.checkpoint", path, files, f"a published checkpoint, or {SAVED}", folder)
