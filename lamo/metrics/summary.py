"""Means of a table's rows with their intervals over clips and training seeds."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from lamo.metrics.config import BootstrapConfig
from lamo.metrics.distribution import all_distances, distance_interval
from lamo.metrics.long_form import ScoredSet
from lamo.metrics.rows import REFERENCE, distance_names
from lamo.statistics.intervals import ClipBootstrap, Interval, LeftOut, Replicates, clip_groups

Row = Sequence[ScoredSet]


def entry(row: Row, step: int, metric: str, interval: Interval, clips: int) -> dict[str, Any]:
    """A line of the summary, without the horizon."""
    one = row[0]
    return {
        "method": one.method,
        "sampler": one.sampler,
        "step": step,
        "metric": metric,
        "mean": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_clips": clips,
        "n_samples": one.features.shape[1],
        "n_seeds": len(row),
    }


def mean_summary(row: Row, bootstrap: ClipBootstrap) -> list[dict[str, Any]]:
    """Means over windows, samples and seeds of every metric of a row at every step."""
    entries = []
    for metric in row[0].values:
        intervals = bootstrap.means(_stacked(row, metric), seeded=True)
        entries += [entry(row, step, metric, one, bootstrap.clips) for step, one in enumerate(intervals, start=1)]
    return entries


def skill_summary(rows: Sequence[Row], bootstrap: ClipBootstrap) -> list[dict[str, Any]]:
    """Skill of every row against the last observed frame, at every step: 1 - MSE / MSE of that frame.

    Both errors are means over windows and single samples. 1 is perfect and 0 is no better than a still picture. The
    result is empty if persistence is not among the rows.
    """
    reference = next((row for row in rows if row[0].method == REFERENCE), None)
    if reference is None:
        return []
    still = bootstrap.replicates(_stacked(reference, "mse"))
    entries = []
    for row in rows:
        found = bootstrap.replicates(_stacked(row, "mse"))
        with np.errstate(invalid="ignore", divide="ignore"):
            pairs = zip(
                (found.value, found.resampled, found.seeds), (still.value, still.resampled, still.value), strict=True
            )
            skill = Replicates(*(1 - error / errors_of_still for error, errors_of_still in pairs))
        for step, interval in enumerate(bootstrap.intervals(skill), start=1):
            entries.append(entry(row, step, "skill", interval, bootstrap.clips))
    return entries


def _stacked(row: Row, metric: str) -> np.ndarray:
    """Values of a row [W, K, S, T], K training seeds; S is 1 for a score of all samples together."""
    return np.stack([one.values[metric] for one in row], axis=1)


class DistanceSummary:
    """Collects the distances between distributions, step by step.

    Attributes:
        entries: lines of the summary.
        long: lines of the long form, one for each single value.
        replicates: Frechet distances with each clip left out.
    """

    def __init__(self, rows: Sequence[Row], metric: str, clips: Sequence[str], settings: BootstrapConfig) -> None:
        self._rows = rows
        self._names = distance_names(metric)
        self._clips = len(set(clips))
        units = clip_groups(clips, settings.frechet_groups)
        self._bootstrap = ClipBootstrap(units, settings.resamples)
        self.entries: list[dict[str, Any]] = []
        self.long: list[dict[str, Any]] = []
        self.replicates: list[dict[str, Any]] = []
        self._biases: list[float] = []

    @property
    def bias(self) -> tuple[float, float]:
        """Smallest and largest jackknife estimate of the bias of a Frechet distance; NaN if unknown."""
        known = [bias for bias in self._biases if np.isfinite(bias)]
        return (min(known), max(known)) if known else (float("nan"), float("nan"))

    def add(self, step: int, index: int, truth: np.ndarray) -> None:
        """Score the features at `index`, which are those of `step`, against the true ones [W, d]."""
        members = [one for row in self._rows for one in row]
        groups = [list(one.features[:, :, index].swapaxes(0, 1)) for one in members]
        ends = list(accumulate(len(row) for row in self._rows))
        for name, found in zip(self._names, all_distances(truth, groups, self._bootstrap), strict=True):
            for row, end in zip(self._rows, ends, strict=True):
                one_row = found.row(slice(end - len(row), end))
                interval = distance_interval(one_row, self._bootstrap, signed=name != self._names[0])
                self.entries.append(entry(row, step, name, interval, self._clips))
                if name == self._names[0]:
                    self._keep(row, step, one_row)
            for one, values, value in zip(members, found.sets, found.value, strict=True):
                self.long += _long(one, step, name, values or [float(value)], bool(values))

    def _keep(self, row: Row, step: int, found: LeftOut) -> None:
        key = {"method": row[0].method, "sampler": row[0].sampler, "step": step, "metric": self._names[0]}
        values = zip(self._bootstrap.clip_ids.tolist(), found.without[:, 0].tolist(), strict=True)
        self.replicates += [{**key, "left_out": clip, "value": value} for clip, value in values]
        self._biases.append(float(found.bias[0]))


def _long(one: ScoredSet, step: int, metric: str, values: Sequence[float], by_sample: bool) -> list[dict[str, Any]]:
    key = {"method": one.method, "sampler": one.sampler, "seed": one.seed, "step": step, "metric": metric}
    return [{**key, "sample": s if by_sample else None, "value": value} for s, value in enumerate(values)]
