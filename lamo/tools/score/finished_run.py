"""What is read of a finished run: its stores, its scores, and the settings that these were made with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from lamo.errors import LamoError
from lamo.metrics.config import EVERY_LEARNED, MetricsConfig, split_comparison
from lamo.metrics.long_form import Scores, with_nan
from lamo.metrics.rows import REFERENCE, is_learned, row_label
from lamo.metrics.scored import ScoredSet, read_scored
from lamo.rollout.control_names import ORACLE
from lamo.stages import CONFIG_FILE, ShareConfig, path_variables
from lamo.stores.atomic import read_json
from lamo.stores.rollouts import Rollouts, Window, read_rollouts, read_windows
from lamo.stores.rows import RowReader

TRUTH, SINGLE_TRUTH, CONTEXT = "truth", "truth.single", "context"
CONTROLS = "scores/controls.safetensors"
TABLES = ("metrics.parquet", "replicates.parquet", "summary.parquet")
FACTS = "scores.json"
NEEDED = {
    "rollouts": [f"{store}.manifest.json" for store in (TRUTH, SINGLE_TRUTH, CONTEXT, f"controls/{ORACLE}")],
    "metrics": [*TABLES, FACTS, CONTROLS],
}


@dataclass(frozen=True)
class FinishedRun:
    """A run with a table.

    Attributes:
        folder: where it lies.
        config: its configuration.
        metrics: how it was scored.
        places: folders of its stages by name, also of those that it shares with another run.
    """

    folder: Path
    config: Mapping[str, Any]
    metrics: MetricsConfig
    places: Mapping[str, Path]

    @classmethod
    def open(cls, folder: Path) -> "FinishedRun":
        """The run in `folder`. Raises `LamoError` if it is no run, not finished, or of an older version."""
        if not (folder / CONFIG_FILE).is_file():
            raise LamoError(f"{folder}: found no {CONFIG_FILE}, expected the folder of a run; give results/<run>")
        config = read_json(folder / CONFIG_FILE)
        try:
            places = path_variables(ShareConfig.model_validate(config["share"]), str(folder))
            metrics = MetricsConfig.model_validate(config["metrics"])
        except (KeyError, TypeError, ValidationError):
            raise LamoError(
                f"{folder / CONFIG_FILE}: found settings of an older version, expected those of this one; run it again"
            ) from None
        run = cls(folder, config, metrics, {name: Path(place) for name, place in places.items()})
        files = [run.places[stage] / name for stage, names in NEEDED.items() for name in names]
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise LamoError(f"{folder}: found no {missing[0]}, expected a finished run; run it to its end")
        return run

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return str(self.config["run"])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames; pixels."""
        return self.config["frames"]["height"], self.config["frames"]["width"]

    @property
    def rate_hz(self) -> float:
        """Frames per second."""
        return float(self.config["frames"]["rate_hz"])

    @property
    def horizons_s(self) -> list[float]:
        """Horizons of its table; s."""
        return list(self.metrics.horizons_s)

    def held_out(self) -> tuple[list[str], list[str]]:
        """The stores of the held-out clips, and their manifests."""
        folder = self.places["frames"] / "frames" / "val"
        shards = range(self.config["frames"]["shards"]["val"])
        return [f"{folder}/{shard}.zarr" for shard in shards], [f"{folder}/{shard}.manifest.json" for shard in shards]

    def store(self, name: str) -> tuple[Path, Path]:
        """A store of stage 06, as `truth` or `controls/oracle_motion`, and its manifest."""
        folder = self.places["rollouts"]
        return folder / f"{name}.zarr", folder / f"{name}.manifest.json"

    def windows(self, name: str) -> list[Window]:
        """The windows of a store. Raises `LamoError` if it is damaged."""
        return read_windows(*self.store(name))

    def rollouts(self, name: str) -> Rollouts:
        """The whole store. Raises `LamoError` if it is damaged."""
        return read_rollouts(*self.store(name))

    def steps(self, name: str) -> int:
        """Frames of one future in a store."""
        return RowReader(self.store(name)[0] / "frames").shape[2]

    @cached_property
    def scores(self) -> Scores:
        """All that stage 07 measured."""
        values, replicates, summary = (pq.read_table(self.places["metrics"] / name) for name in TABLES)
        return Scores.read(values, replicates, summary, read_json(self.places["metrics"] / FACTS))

    @cached_property
    def samples(self) -> dict[str, int]:
        """Samples of a window by the label of the row, in the order of the table."""
        columns = self.scores.summary.select(["method", "sampler", "n_samples"]).to_pylist()
        return {row_label(one["method"], one["sampler"]): one["n_samples"] for one in columns}

    @property
    def without_chance(self) -> set[str]:
        """Labels of the rows whose one future of a window is all that they predict: their error is an energy score."""
        energies = self.scores.summary.filter(pc.equal(self.scores.summary["metric"], "energy_score"))
        return {
            row_label(one["method"], one["sampler"])
            for one in with_nan(energies)
            if one["n_samples"] == 1 and math.isfinite(one["mean"])
        }

    def reference(self) -> ScoredSet:
        """The scored row that skill is measured against."""
        scored = read_scored(self.places["metrics"] / CONTROLS)
        return next(one for one in scored if one.method == REFERENCE)

    def usual_rivals(self) -> list[str]:
        """Rows to compare a new one with: the first learned one, and those that the run compares all learned ones with.

        In the order of the table.
        """
        columns = self.scores.summary.select(["method", "sampler"]).to_pylist()
        learned = [row_label(one["method"], one["sampler"]) for one in columns if is_learned(one["sampler"])]
        pairs = [split_comparison(text) for text in self.metrics.comparisons]
        wanted = {*learned[:1], *(second for first, second in pairs if first == EVERY_LEARNED)}
        return [label for label in self.samples if label in wanted]
