"""The models below the predictors: those of the finished run, and runs up to stage 04 of variants that change them."""

import hashlib
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lamo.config import Config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.midway.config import MidwayConfig
from lamo.stores.atomic import read_json, replacing
from studies.ablations.settings import STAGES, Study, Variant
from studies.common import key_of

TARGETS = ("04_decoder/model.safetensors", "03_latents/statistics.safetensors")
MODELS = ("02_midway/model.safetensors", *TARGETS)
SPLITS = ("train", "val")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stages:
    """Stages 02 to 04 that a variant stands on.

    Attributes:
        folder: results/<run> that they lie in.
        key: changes with anything that they depend on.
        levels: pyramid levels of the latent state.
        config: what Snakemake makes them from; None for the finished run, which is taken as it is.
    """

    folder: Path
    key: str
    levels: tuple[int, ...]
    config: dict[str, Any] | None = None


@dataclass(frozen=True)
class FinishedRun:
    """The run that the study stands on: its stages, and the frames that all variants are evaluated on."""

    stages: Stages
    frames_key: str


def manifests(folder: Path, kind: str, split: str) -> list[Path]:
    """Manifests of the shards of one split; `kind` is 01_frames/frames or 03_latents/latents."""
    found = sorted((folder / kind / split).glob("*.manifest.json"), key=lambda path: int(path.name.partition(".")[0]))
    if not found:
        raise LamoError(f"{folder / kind / split}: found no *.manifest.json, expected those of a finished run")
    return found


def stores(folder: Path, kind: str, split: str) -> tuple[list[str], list[str]]:
    """Paths of the stores of one split and of their manifests."""
    files = [str(path) for path in manifests(folder, kind, split)]
    return [file.replace(".manifest.json", ".zarr") for file in files], files


def open_run(study: Study, results: Path) -> FinishedRun:
    """The finished run in results/<run>. Raises `LamoError` if a stage is missing or was made with other settings."""
    folder = results / study.base.run
    missing = [name for name in MODELS if not (folder / name).is_file()]
    if missing:
        raise LamoError(
            f"{folder}: found no {', '.join(missing)}, expected a run that is finished up to stage 04; make it first: "
            f"snakemake --cores 2 --configfile FILE -- {' '.join(f'{folder}/{name}' for name in TARGETS)}"
        )
    _check_settings(study.base, folder)
    frames = key_of(
        [path.read_text("utf-8") for split in SPLITS for path in manifests(folder, "01_frames/frames", split)]
    )
    latents = [path.read_text("utf-8") for split in SPLITS for path in manifests(folder, "03_latents/latents", split)]
    key = key_of([frames, latents, [_digest(folder / name) for name in MODELS]])
    return FinishedRun(Stages(folder, key, study.base.latents.levels), frames)


def _check_settings(config: Config, folder: Path) -> None:
    """A configuration file that is not that of the run would compare variants with what was never made."""
    saved = read_json(folder / "02_midway" / "config.json")
    if config.midway.checkpoint is None and MidwayConfig.model_validate(saved["midway"]) != config.midway:
        raise LamoError(
            f"{folder / '02_midway' / 'config.json'}: found other settings than section midway of the configuration; "
            "name the file that the run was made with by --configfile, or make the run again"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stages_of(study: Study, run: FinishedRun) -> dict[str, Stages]:
    """The stages of each variant, by its name; variants with equal settings share them."""
    found: dict[str, Stages] = {}
    by_key: dict[str, Stages] = {}
    for variant in study.variants:
        if all(getattr(variant.config, name) == getattr(study.base, name) for name in STAGES):
            found[variant.name] = run.stages
        else:
            stages = _own(variant, study.base, run)
            found[variant.name] = by_key.setdefault(stages.key, stages)
    return found


def _own(variant: Variant, base: Config, run: FinishedRun) -> Stages:
    """Stages of a run of its own, results/<run>-<variant>."""
    config = variant.config.model_dump(mode="json", by_alias=True)
    # Training, and with it the settings of the predictors, decides nothing here but the shortest clip that is of use.
    raw = {**base.model_dump(mode="json", by_alias=True), **{name: config[name] for name in STAGES}}
    same_network = variant.config.midway.model_copy(update={"recurrence": base.midway.recurrence}) == base.midway
    if same_network:
        raw["midway"] = {**raw["midway"], "checkpoint": str(run.stages.folder / "02_midway")}
    if base.videos.root is None:
        raw["videos"] = {**raw["videos"], "root": str(run.stages.folder / "01_frames/world/videos"), "split": "folders"}
    depends = [raw[name] for name in ("seed", *STAGES)]
    key = key_of([run.frames_key, run.stages.key if same_network else None, depends])
    name = f"{base.run}-{variant.name}"
    folder = run.stages.folder.with_name(name)
    return Stages(folder, key, variant.config.latents.levels, {**raw, "run": name})


def make(stages: Stages, cores: int, folder: Path, command: Sequence[str] = ()) -> None:
    """Has Snakemake make stages 01 to 04; its configuration and what it prints are kept in `folder`.

    `command` takes the place of the command of Snakemake. Raises `LamoError` if it fails.
    """
    assert stages.config is not None
    name = stages.folder.name
    configfile, log = folder / f"{name}.yaml", folder / f"{name}.log"
    with replacing(configfile) as temporary:
        temporary.write_text(yaml.safe_dump(stages.config, sort_keys=False), encoding="utf-8")
    program = [*(command or (sys.executable, "-m", "snakemake")), "--snakefile", str(ROOT / "Snakefile")]
    options = ["--cores", str(cores), "--no-hooks", "--configfile", str(configfile)]
    targets = [str(stages.folder / target) for target in TARGETS]
    logger.info("making stages 01 to 04 of %s; what Snakemake prints is in %s", name, log)
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run([*program, *options, "--", *targets], stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise LamoError(f"{name}: Snakemake ended with status {done.returncode}; what went wrong stands in {log}")
