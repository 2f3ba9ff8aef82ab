"""The files of a checkpoint that takes the place of the Midway training."""

from pathlib import Path

from lamo.errors import LamoError


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
