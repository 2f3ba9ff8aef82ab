"""What the trainings of a run begin with: the files of another run's models and statistics, and what must agree."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamo.errors import LamoError

if TYPE_CHECKING:
    from lamo.config import Config

# As in `lamo.training.model_files`, which Snakemake would wait for: it imports PyTorch.
WEIGHTS, CONFIG = "model.safetensors", "config.json"
SAVED = f"a folder with {WEIGHTS} and {CONFIG}"


def given_paths(config: "Config") -> dict[str, tuple[str | None, str]]:
    """Keys of the configuration that name what a training begins with: for each its value, and the stage's folder.

    The key of an entry is predictors.entries.<name>.training.start, wherever its value was set.
    """
    paths: dict[str, tuple[str | None, str]] = {
        "midway.training.start": (config.midway.training.start, "02_midway"),
        "latents.statistics": (config.latents.statistics, "03_latents"),
        "decoder.training.start": (config.decoder.training.start, "04_decoder"),
    }
    if config.midway.checkpoint is not None:
        paths["midway.training.start"] = (None, "02_midway")
    for name, entry in config.predictors.entries.items():
        # It goes on with the predictor of another entry of this run.
        if entry.end_to_end:
            continue
        start = config.predictors.of(name).settings.training.start
        paths[f"predictors.entries.{name}.training.start"] = (start, f"05_predictors/{name}")
    return paths


def start_files(config: "Config", results: str) -> dict[str, list[str]]:
    """The files of what each key of `given_paths` names; none where it is null.

    `results` is the folder of the run. Raises `LamoError` if a file is missing, or is one that this run itself writes,
    or if something is to begin on latents that a new Midway Network makes.
    """
    found: dict[str, list[str]] = {}
    for key, (path, place) in given_paths(config).items():
        stage = place.split("/")[0].partition("_")[2]
        folder = Path(config.share.folder(stage, results)) / place
        if path is None:
            found[key] = []
        elif key == "latents.statistics":
            found[key] = checked_files(key, Path(path), [Path(path)], "statistics.safetensors of a run", folder)
        else:
            found[key] = checked_files(key, Path(path), saved_files(Path(path)), SAVED, folder)
    anew = not (config.midway.checkpoint or found["midway.training.start"] or "midway" in config.share.stages)
    for key, files in found.items():
        if files and anew:
            raise LamoError(
                f"config: {key}: found {files[0]}, but the Midway Network is trained anew, and its latents are others; "
                "set midway.training.start or midway.checkpoint, or share the stage midway"
            )
    return found


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any], place: str = "") -> list[str]:
    """What of the settings `theirs` of a saved model is other than `ours`: a text for each key, however deep."""
    texts = []
    for key in dict.fromkeys([*ours, *theirs]):
        one, other = theirs.get(key), ours.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            texts += differences(one, other, f"{place}{key}.")
        elif one != other:
            texts.append(f"{place}{key} {one} for {other}")
    return texts


def saved_files(folder: Path) -> list[Path]:
    """The files of a trained model."""
    return [folder / WEIGHTS, folder / CONFIG]


def checked_files(key: str, path: Path, files: list[Path], expected: str, folder: str | Path) -> list[str]:
    """`files` as text.

    Raises `LamoError`, which names `key`, if one is missing or the first lies below `folder`.
    """
    missing = ", ".join(str(file) for file in files if not file.is_file())
    if missing:
        raise LamoError(f"config: {key}: found no file {missing}; expected {expected}")
    own = files[0].resolve().parent
    if Path(folder).resolve() in (own, *own.parents):
        raise LamoError(f"config: {key}: {path} is what this run itself writes; give another name as run")
    return [str(file) for file in files]
