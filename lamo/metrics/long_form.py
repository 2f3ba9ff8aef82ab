"""Scores as Arrow tables: the long form of single values and the summary of means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lamo.metrics.rows import rows_in_order
from lamo.metrics.scored import ScoredSet
from lamo.stores.rollouts import Window

_LONG = pa.schema(
    [
        ("method", pa.string()),
        ("sampler", pa.string()),
        ("seed", pa.int64()),
        ("clip", pa.string()),
        ("window_start", pa.int64()),
        ("at_fork", pa.bool_()),
        ("sample", pa.int64()),
        ("step", pa.int64()),
        ("horizon_s", pa.float64()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)

_REPLICATES = pa.schema(
    [
        *(_LONG.field(name) for name in ("method", "sampler", "step", "horizon_s", "metric")),
        ("left_out", pa.string()),
        ("seed", pa.int64()),
        ("value", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Features:
    """The features that distances of a run were computed on.

    Attributes:
        metric: name of their Frechet distance.
        description: a sentence or two.
        width: how many there are.
        bias: smallest and largest jackknife estimate of the bias of that distance; NaN if unknown.
    """

    metric: str
    description: str
    width: int
    bias: tuple[float, float]


@dataclass(frozen=True)
class Scores:
    """All scores of a run.

    `values`: long form, columns method, sampler, seed, clip, window_start, at_fork (see `Window`), sample, step,
    horizon_s, metric, value; a distance of distributions belongs to a set of windows of all training seeds and has
    neither seed, clip, window_start, at_fork nor sample, a score of all samples together has no sample.
    `replicates`: the distances of each row with each clip (or group of clips) left out, where seed is null, and with
    each training seed left out, where left_out is null; columns method, sampler, step, horizon_s, metric, left_out,
    seed, value.
    `summary`: columns method, sampler, step, horizon_s, metric, mean, ci_low, ci_high, n_clips, n_samples, n_seeds, for
    every step scored; n_samples counts the samples per context window. Rows stand in the table's order. Windows that
    were chosen at a fork are not in it.
    `windows`: context windows with several samples that are; `single_windows`: different windows that distances are
    made of.
    `features`: what distances were computed on, the features that windows are scored in first.
    """

    values: pa.Table
    replicates: pa.Table
    summary: pa.Table
    windows: int
    single_windows: int
    features: list[Features]

    def facts(self) -> dict[str, Any]:
        """What the tables do not hold, for a JSON file; null where there is no number."""
        features = [
            asdict(one) | {"bias": [value if math.isfinite(value) else None for value in one.bias]}
            for one in self.features
        ]
        return {"windows": self.windows, "single_windows": self.single_windows, "features": features}

    @classmethod
    def read(cls, values: pa.Table, replicates: pa.Table, summary: pa.Table, facts: Mapping[str, Any]) -> "Scores":
        """The scores of `facts` and the tables that lay beside them."""
        features = []
        for one in facts["features"]:
            low, high = (math.nan if value is None else value for value in one["bias"])
            features.append(Features(**(one | {"bias": (low, high)})))
        return cls(values, replicates, summary, facts["windows"], facts["single_windows"], features)


def pixel_table(one: ScoredSet, windows: Sequence[Window], rate_hz: float) -> pa.Table:
    """Long form of the scores of one set, windows slowest and steps fastest."""
    tables = []
    for metric, values in one.values.items():
        window, sample, step = (axis.ravel() for axis in np.indices(values.shape))
        columns = {
            "clip": np.array([w.clip_id for w in windows])[window],
            "window_start": np.array([w.start for w in windows])[window],
            "at_fork": np.array([w.at_fork for w in windows])[window],
            "sample": pa.nulls(len(step), pa.int64()) if metric in one.joint else sample,
            "step": step + 1,
            "value": values.ravel().astype(np.float64),
        }
        constants = {"method": one.method, "sampler": one.sampler, "seed": one.seed, "metric": metric}
        columns |= {name: pa.repeat(pa.scalar(v, _LONG.field(name).type), len(step)) for name, v in constants.items()}
        columns["horizon_s"] = np.round((step + 1) / rate_hz, 6)
        tables.append(pa.table({name: columns[name] for name in _LONG.names}, schema=_LONG))
    return pa.concat_tables(tables)


def without_forks(values: pa.Table) -> pa.Table:
    """The long form without windows that were chosen at a fork, which count in no mean over a run."""
    return values.filter(pc.invert(pc.fill_null(values["at_fork"], False)))


def distance_table(rows: list[dict[str, Any]], rate_hz: float) -> pa.Table:
    """Long form of distances of distributions; clip, window_start and at_fork are null."""
    return pa.Table.from_pylist([{**row, "horizon_s": round(row["step"] / rate_hz, 6)} for row in rows], schema=_LONG)


def replicates_table(rows: list[dict[str, Any]], rate_hz: float) -> pa.Table:
    """Distances of rows with one clip, group of clips or training seed left out."""
    lines = [{**row, "horizon_s": round(row["step"] / rate_hz, 6)} for row in rows]
    return pa.Table.from_pylist(lines, schema=_REPLICATES)


def summary_table(entries: list[dict[str, Any]], rate_hz: float) -> pa.Table:
    """Summary entries as a table, in the order of rows, steps and metrics."""
    metrics = list(dict.fromkeys(entry["metric"] for entry in entries))
    rows = rows_in_order((entry["method"], entry["sampler"]) for entry in entries)
    entries = sorted(
        entries,
        key=lambda e: (rows.index((e["method"], e["sampler"])), e["step"], metrics.index(e["metric"])),
    )
    names = ["method", "sampler", "step", "horizon_s", "metric", "mean", "ci_low", "ci_high"]
    names += ["n_clips", "n_samples", "n_seeds"]
    full = [{**entry, "horizon_s": round(entry["step"] / rate_hz, 6)} for entry in entries]
    return pa.table({name: [entry[name] for entry in full] for name in names})


def with_nan(summary: pa.Table) -> list[dict[str, Any]]:
    """Rows of a summary, with NaN where it holds no number, be it NaN or null."""
    numbers = ("mean", "ci_low", "ci_high")
    return [row | {name: math.nan for name in numbers if row[name] is None} for row in summary.to_pylist()]
