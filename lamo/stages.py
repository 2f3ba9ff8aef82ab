"""The stages of a run, where their files lie, and runs that take finished stages from another run.

For the Snakefile and for programs about runs; no script imports this module.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from lamo.errors import LamoError
from lamo.jobs.provenance import FOLDER
from lamo.section import Section
from lamo.stores.atomic import read_json, write_json
from lamo.stores.checksums import is_foreign
from lamo.world.simulation import WorldConfig

RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Of the name of a run, which is that of a folder."""

CONFIG_FILE = "config.json"
"""In the folder of a run: the configuration with which its jobs were last started."""

NOT_THERE = "not there"

WORLD_AMOUNT = frozenset({"train_videos", "val_videos", "parts", "seconds"})
"""Keys of the world that say how much of it is rendered, which the features of the world do not depend on."""


@dataclass(frozen=True)
class Stage:
    """A stage of the workflow.

    Attributes:
        folder: where its outputs lie, below `results/<run>`.
        records: what its logs, benchmarks and provenance are called, below the folders of these: a folder, or a folder
            and the beginning of a name.
        needs: the stages whose outputs it reads.
        keys: the keys of the configuration that its outputs depend on, besides those of the stages that it needs.
    """

    folder: str
    records: str
    needs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


STAGES = {
    "frames": Stage("01_frames", "01_frames/", (), ("videos", "world", "frames")),
    "midway": Stage("02_midway", "02_midway/", ("frames",), ("midway", "seed")),
    "latents": Stage("03_latents", "03_latents/", ("midway",), ("latents",)),
    "decoder": Stage("04_decoder", "04_decoder/", ("latents",), ("decoder", "seed")),
    "predictors": Stage("05_predictors", "05_predictors/predictors_train", ("latents",), ("predictors",)),
    "rollouts": Stage("06_rollouts", "06_rollouts/"),
    "metrics": Stage("07_metrics", "07_metrics/"),
    "model": Stage("model", "08_model/"),
    "features": Stage(
        "07_metrics/features",
        "07_metrics/metrics_features",
        (),
        (
            "metrics.world_features",
            "frames.height",
            "frames.width",
            *(f"world.{key}" for key in WorldConfig.model_fields if key not in WORLD_AMOUNT),
        ),
    ),
}
Shared = Literal["frames", "midway", "latents", "decoder", "predictors", "features"]


class ShareConfig(Section):
    """Stages that are those of another run: an ablation takes from it what it does not change."""

    run: str | None = Field(
        None,
        pattern=RUN_NAME,
        description="run whose stages are used; its outputs are read, and made where they are missing, in its folder",
    )
    stages: tuple[Shared, ...] = Field(
        (),
        description="which of frames, midway, latents, decoder, predictors and features (the feature network of "
        "stage 07); name also every stage that these read",
    )

    @model_validator(mode="after")
    def _whole(self) -> "ShareConfig":
        if (self.run is None) != (not self.stages):
            raise ValueError(
                f"share: found run {self.run!r} with stages {list(self.stages)}, expected both or neither; name the "
                "run and what is taken from it"
            )
        for name in self.stages:
            missing = [other for other in STAGES[name].needs if other not in self.stages]
            if missing:
                raise ValueError(
                    f"share.stages: found {name} without {' and '.join(missing)}, which it reads; add "
                    f"{' and '.join(missing)}, or take {name} off"
                )
        return self

    def folder(self, stage: str, results: str) -> str:
        """Folder of the run that has `stage`: that of this run, `results`, or that of the other."""
        return f"{Path(results).parent}/{self.run}" if stage in self.stages else results


def path_variables(share: ShareConfig, results: str) -> dict[str, str]:
    """Snakemake's path variables for a run whose folder is `results`.

    For every stage: its outputs (`<frames>`), its logs (`<frames_logs>`) and its benchmarks (`<frames_benchmarks>`).
    """
    variables = {}
    for name, stage in STAGES.items():
        run = share.folder(name, results)
        group = stage.records.partition("/")[0]
        variables[name] = f"{run}/{stage.folder}"
        variables[f"{name}_logs"] = f"{run}/logs/{group}"
        variables[f"{name}_benchmarks"] = f"{run}/benchmarks/{group}"
    return variables


def shared_records(results: str | Path) -> tuple[Path, list[Path]]:
    """Folder of the run whose stages the run in `results` shares, and the records of the jobs of these stages.

    The run's own folder and no records where it shares none, or was never started.
    """
    results = Path(results)
    if not (results / CONFIG_FILE).is_file():
        return results, []
    share = ShareConfig.model_validate(read_json(results / CONFIG_FILE)["share"])
    if share.run is None:
        return results, []
    other = results.parent / share.run
    patterns = [f"{STAGES[name].records}*.json" for name in share.stages]
    found = [path for pattern in patterns for path in (other / FOLDER).glob(pattern)]
    return other, sorted(path for path in found if not is_foreign(path.name))


def check_shared(config: Mapping[str, Any], results: str | Path) -> None:
    """Whether the stages that a run shares are what its own configuration would make of them.

    A run may not make a stage of another run again with other settings. `config` is the validated configuration of the
    run as plain values, and `results` its folder.

    Raises:
        LamoError: the other run was never started, it has the stage from elsewhere itself, or it has another value of a
            key that the stage depends on.
    """
    share = ShareConfig.model_validate(config["share"])
    if share.run is None:
        return
    file = Path(results).parent / share.run / CONFIG_FILE
    if Path(results).name == share.run:
        raise LamoError(f"share.run: found {share.run}, which is this run itself; give this run another name (key run)")
    if not file.is_file():
        raise LamoError(
            f"share.run: found {share.run}, but there is no {file}; expected a run that was started; make it first"
        )
    other = read_json(file)
    again = [name for name in share.stages if name in other["share"]["stages"]]
    if again:
        raise LamoError(
            f"share.run: found {share.run}, which has {', '.join(again)} of {other['share']['run']} itself; "
            f"set share.run to {other['share']['run']}, or take them off share.stages"
        )
    for name in share.stages:
        for key, ours, theirs in _differences(name, config, other):
            raise LamoError(
                f"share.stages: {name} is that of the run {share.run}, but {key} is {ours!r} here and {theirs!r} there "
                f"({file}); take {name} and what reads it off share.stages, or correct {key}"
            )


def _differences(stage: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Keys that `stage` depends on and that have other values, with both values."""
    for key in STAGES[stage].keys:
        if key == "predictors":
            yield from _different_trainings(ours[key], theirs.get(key, {}))
        else:
            yield from _different_values(key, _value(ours, key), _value(theirs, key))


def _value(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value.get(part, NOT_THERE) if isinstance(value, Mapping) else NOT_THERE
    return value


def _different_values(key: str, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in dict.fromkeys([*ours, *theirs]):
            yield from _different_values(f"{key}.{name}", ours.get(name, NOT_THERE), theirs.get(name, NOT_THERE))
    elif ours != theirs:
        yield key, ours, theirs


def _different_trainings(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """As above, of the trainings of predictors: a run may use some of the other's entries and seeds, and sample them in
    its own way."""
    more = [seed for seed in ours["seeds"] if seed not in theirs["seeds"]]
    if more:
        yield "predictors.seeds", ours["seeds"], theirs["seeds"]
    for name in ours.keys() - {"seeds", "entries"}:
        yield from _different_values(f"predictors.{name}", ours[name], theirs.get(name, NOT_THERE))
    for name, entry in ours["entries"].items():
        if entry is not None:
            training, other = _of_training(entry), _of_training(theirs["entries"].get(name) or {})
            yield from _different_values(f"predictors.entries.{name}", training, other or NOT_THERE)


def _of_training(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an entry that its training depends on. One that is null says nothing, as one that older runs lack."""
    return {key: value for key, value in entry.items() if key != "samplers" and value is not None}


def keep_config(config: Mapping[str, Any], results: str | Path) -> None:
    """Write the configuration of a run that is started to its folder, for runs that share its stages."""
    write_json(Path(results) / CONFIG_FILE, config)
