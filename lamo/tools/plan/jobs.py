"""The jobs of a run, with threads, memory and time that they ask for: Snakemake's dry run in an empty folder."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from lamo.config import Config
from lamo.dataset.companions import INFO_PLACES, STILL_PLACES, companion_folder
from lamo.dataset.division import SPLITS
from lamo.dataset.fingerprints import CACHE
from lamo.dataset.listing import FOLDER as LISTINGS
from lamo.jobs.code_hash import ROOT
from lamo.metrics.weights import given_weights
from lamo.section import lay_over
from lamo.stages import CONFIG_FILE, STAGES, check_shared, keep_config
from lamo.stores.atomic import read_json
from lamo.tools.dry_run import Job, dry_run
from lamo.training.start import given_paths

# More than any rule asks for, so that the dry run shows what each one asks for.
CORES = "1000"


def planned_jobs(raw: Mapping[str, Any], config: Config, results: Path) -> list[Job]:
    """The jobs of a run from nothing, in no particular order; `raw` is the configuration as Snakemake is given it.

    Of stages that it shares with another run, in the folder `results`, only what is missing there is made.

    How many there are depends on shards, predictors and the files beside the videos, and not on the videos: an empty
    video per split stands for them, so that a plan needs no videos and does not read thousands of them.

    Raises:
        LamoError: Snakemake refuses the configuration, or stages are shared with a run that has other settings.
    """
    check_shared(config.model_dump(mode="json", by_alias=True), results / config.run)
    with TemporaryDirectory(prefix="lamo-plan-") as folder, _restored():
        place = Path(folder)
        (place / "config").symlink_to(ROOT / "config")
        changed = _elsewhere(config, place)
        if config.share.run:
            _stand_in(results / config.share.run, place / "results" / config.share.run, changed)
        file = place / "plan.yaml"
        file.write_text(yaml.safe_dump(lay_over(raw, changed)), encoding="utf-8")
        arguments = ["--snakefile", str(ROOT / "Snakefile"), "--directory", folder, "--cores", CORES]
        return dry_run([*arguments, "--configfile", str(file)])


def _stand_in(run: Path, copy: Path, changed: Mapping[str, Any]) -> None:
    """Make a folder that looks like that of the finished `run`, with `changed` laid over its configuration.

    Its files are links. The folders that Snakemake's start writes to, for the list of videos, are folders of their own.
    """
    frames = STAGES["frames"].folder
    (copy / frames).mkdir(parents=True)
    for path in (*run.glob("*"), *run.glob(f"{frames}/*")):
        if path.name not in {frames, CONFIG_FILE, LISTINGS, CACHE}:
            link = copy / path.relative_to(run)
            link.symlink_to(path.absolute())
            # Snakemake looks at the time of the link: without this, every output would be as new as this plan.
            os.utime(link, ns=(path.lstat().st_atime_ns, path.lstat().st_mtime_ns), follow_symlinks=False)
    keep_config(lay_over(read_json(run / CONFIG_FILE), changed), copy)


def _elsewhere(config: Config, place: Path) -> dict[str, Any]:
    """What differs in the dry run's configuration: videos that stand for others, and paths that hold in any folder."""
    given = {
        "midway.checkpoint": config.midway.checkpoint,
        **given_weights(config.metrics),
        "videos.poses": config.videos.poses,
        **{key: path for key, (path, _) in given_paths(config).items()},
    }
    changed: dict[str, Any] = {}
    for key, path in given.items():
        if path:
            changed = lay_over(changed, _nested(key.split("."), _absolute(path)))
    videos = config.videos
    if videos.root is None:
        return changed
    folders = {name: place / "videos" / name for name in videos.folders}
    for folder in folders.values():
        for split in SPLITS:
            clip = folder / split / f"clip{videos.extensions[0]}"
            clip.parent.mkdir(parents=True)
            clip.touch()
    beside = {"info": (videos.info, INFO_PLACES), "stills": (videos.stills, STILL_PLACES)}
    found = {name: companion_folder(f"videos.{name}", path, videos.folders.get(""), places)
             for name, (path, places) in beside.items()}  # fmt: skip
    roots = {name: str(folder) for name, folder in folders.items()}
    root = {"root": roots.get("", roots), "split": "folders"}
    return lay_over(changed, {"videos": {**root, **{name: path and _absolute(path) for name, path in found.items()}}})


def _nested(keys: list[str], value: str) -> dict[str, Any]:
    """`value` under keys within keys."""
    return {keys[0]: _nested(keys[1:], value) if keys[1:] else value}


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


@contextmanager
def _restored() -> Iterator[None]:
    """Put back the working directory and the environment, which Snakemake and the Snakefile change."""
    folder = Path.cwd()
    environment = dict(os.environ)
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
