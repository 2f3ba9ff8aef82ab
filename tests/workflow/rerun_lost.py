"""Cases of the matrix of re-runs: what Snakemake remembers of finished jobs is lost, or is of other files."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from rerun_files import copy_without_times, flip
from rerun_jobs import (
    COMPARED,
    EVERYTHING,
    FRAMES,
    MIDWAY,
    NOTHING,
    ROLLED,
    TABLE,
    TRAINED_FLOW,
    TRAINED_GMM,
    Case,
    Edit,
)

Change = Callable[[Path], None]


def forget(results: Path) -> None:
    """The folder that Snakemake keeps in the working directory is gone."""
    shutil.rmtree(results.parents[1] / ".snakemake")


def forget_half(results: Path) -> None:
    """Half of what it keeps of the outputs is gone, and of a tenth there is but the beginning."""
    files = sorted(path for path in (results.parents[1] / ".snakemake" / "metadata").rglob("*") if path.is_file())
    random.Random(0).shuffle(files)
    for number, file in enumerate(files):
        if number % 2:
            file.unlink()
        elif number % 10 == 0:
            file.write_bytes(file.read_bytes()[:100])


def forget_params(results: Path) -> None:
    """It remembers jobs of other parameters, as if other results had been copied into the place of its own."""
    copy_without_times(results)
    for file in (results.parents[1] / ".snakemake" / "metadata").rglob("*"):
        if file.is_file():
            content = json.loads(file.read_text())
            file.write_text(json.dumps({**content, "params": ["0.25", *content["params"]]}))


def then(*changes: Change) -> Change:
    """One change after the other."""

    def change(results: Path) -> None:
        for one in changes:
            one(results)

    return change


def older(name: str) -> Change:
    """Other content, with a time that is older than that of everything else."""

    def change(results: Path) -> None:
        flip(name)(results)
        os.utime(results / name, (1.0e9, 1.0e9))

    return change


def lost(
    name: str, expected: set[str], *config: str, edits: dict[str, Edit] | None = None, change: Change = forget
) -> Case:
    return Case(f"lost: {name}", expected, config=config, edits=edits or {}, change=change)


def line(file: str) -> dict[str, Edit]:
    return {file: lambda text: text + "\n_NEW_LINE = 1\n"}


LOST = [
    lost("all", NOTHING),
    lost("all, and times", NOTHING, change=then(copy_without_times, forget)),
    lost("half", NOTHING, change=forget_half),
    lost("metadata of other results in their place", NOTHING, change=forget_params),
    lost("all, a config value of a predictor", TRAINED_FLOW, "predictors={entries: {flow: {guess: none}}}"),
    lost(
        "half, a config value of a predictor",
        TRAINED_GMM,
        "predictors={entries: {gmm: {components: 3}}}",
        change=forget_half,
    ),
    lost(
        "all and times, a config value of rollouts",
        ROLLED,
        "rollouts={samples: 3}",
        change=then(copy_without_times, forget),
    ),
    lost("all, a config value of the frames", FRAMES, "frames={fit: stretch}"),
    lost("all, the seed", MIDWAY, "seed=1"),
    lost("all, comparisons", COMPARED, "metrics={comparisons: [gmm over flow-4]}"),
    lost("metadata of other results, a config value", ROLLED, "rollouts={seed: 1}", change=forget_params),
    lost("all, a line of code", TRAINED_GMM, edits=line("lamo/predictors/gmm/head.py")),
    lost("all, a line of code that all reach", EVERYTHING, edits=line("lamo/errors.py")),
    lost("all, a comment", NOTHING, edits={"lamo/errors.py": lambda text: text + "\n# A comment.\n"}),
    lost(
        "all, another model, which is older",
        TRAINED_GMM,
        change=then(older("05_predictors/gmm/seed0/model.safetensors"), forget),
    ),
    lost(
        "all, a model that is gone",
        NOTHING,
        change=then(lambda results: (results / "05_predictors/gmm/seed0/model.safetensors").unlink(), forget),
    ),
    lost(
        "all, an incomplete job",
        TABLE,
        change=then(lambda results: (results / "07_metrics/table.csv").unlink(), forget),
    ),
]
