"""Differences between two rows of the table on the same context windows, with their intervals.

All rows are scored on the same windows, and windows differ far more than methods do. That is why the difference of two
rows, taken window by window, has a much narrower interval than either row. Training seeds are paired by number. A
control has no seed and is compared with every seed of the other row.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lamo.errors import LamoError
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.config import EVERY_LEARNED, split_comparison
from lamo.metrics.distribution import pseudo_values
from lamo.metrics.long_form import without_forks
from lamo.metrics.rows import is_learned, row_label
from lamo.statistics.intervals import ClipBootstrap, Interval, LeftOut

Row = tuple[str, str]
WINDOW = ["clip", "window_start"]


@dataclass(frozen=True)
class Difference:
    """One metric of two rows at one horizon [s]: the mean of each, and the first minus the second.

    All three are over what has a number in both rows, and NaN where nothing has.
    The difference has a 95 % interval over clips and over the `seeds` training seeds.
    """

    first: str
    second: str
    horizon_s: float
    metric: str
    first_mean: float
    second_mean: float
    difference: Interval
    clips: int
    seeds: int

    @property
    def favours(self) -> str:
        """The row that is better; "" where the interval contains 0 or there is none."""
        low, high = self.difference.low, self.difference.high
        if not np.isfinite(low) or low <= 0 <= high:
            return ""
        return self.first if (low > 0) == (metric_of(self.metric).better == "higher") else self.second


class Scored:
    """The single values of a run (`lamo.metrics.long_form.Scores`) at one horizon.

    Without those of windows that were chosen at a fork, unless `every_window` is true.
    """

    def __init__(self, values: pa.Table, replicates: pa.Table, horizon_s: float, every_window: bool = False) -> None:
        if not every_window:
            values = without_forks(values)
        self._frame, self._replicates = _at(values, horizon_s), _at(replicates, horizon_s)
        if self._frame.empty:
            raise LamoError(f"metrics: found no scores at {horizon_s:g} s; run the scoring again")
        compared = [name for name in self._frame["metric"].unique() if metric_of(name).compare]
        self.metrics = [name for name in compared if not metric_of(name).of_sets]
        """Metrics that are compared window by window."""
        self.distances = [name for name in compared if metric_of(name).of_sets]
        """Distances of whole sets; they are compared with the same clips and training seeds left out."""

    @cached_property
    def rows(self) -> dict[str, Row]:
        """Method and sampler of every row, by its label, in the order in which they were scored."""
        pairs = self._frame[["method", "sampler"]].drop_duplicates().itertuples(index=False, name=None)
        return {row_label(method, sampler): (method, sampler) for method, sampler in pairs}

    def windows(self, label: str) -> pd.MultiIndex:
        """Clip and start of the windows that a row was scored on; those of the run, if it has no score of windows."""
        own = self._of(label)[WINDOW].dropna()
        windows = self._frame[WINDOW].dropna() if own.empty else own
        return pd.MultiIndex.from_frame(windows.drop_duplicates().sort_values(WINDOW))

    def values(self, label: str, metric: str) -> pd.DataFrame:
        """Means over samples: a line per window, a column per training seed (-1 for a control).

        NaN where there is no number.
        """
        row = self._of(label)
        found = row[row["metric"] == metric].groupby([*WINDOW, "seed"])["value"].mean().unstack("seed")
        return found.reindex(index=self.windows(label), columns=self._seeds(label))

    def has(self, label: str, metric: str) -> bool:
        """Whether a row is scored in a metric, be it with a number or without."""
        return bool((self._of(label)["metric"] == metric).any())

    def distance(self, label: str, metric: str) -> tuple[float, pd.Series, pd.Series]:
        """A distance: its value, what each training seed stands for, its values with each clip (or group) left out."""
        method, sampler = self.rows[label]
        row = self._of(label)
        value = float(row[row["metric"] == metric]["value"].mean())
        lines = self._replicates
        lines = lines[(lines["method"] == method) & (lines["sampler"] == sampler) & (lines["metric"] == metric)]
        clips = lines[lines["left_out"].notna()].set_index("left_out")["value"].sort_index()
        without = lines[lines["seed"].notna()].astype({"seed": int}).set_index("seed")["value"].sort_index()
        if without.empty:
            return value, pd.Series(value, index=self._seeds(label)), clips
        return value, pd.Series(pseudo_values(value, without.to_numpy()), index=without.index), clips

    def _seeds(self, label: str) -> np.ndarray:
        """Training seeds of a row, -1 for a control. Distances belong to all of them together."""
        row = self._of(label)
        return np.unique(row["seed"][row["clip"].notna()]) if row["clip"].notna().any() else np.array([-1])

    def _of(self, label: str) -> pd.DataFrame:
        """All values of a row."""
        method, sampler = self.rows[label]
        row = self._frame[(self._frame["method"] == method) & (self._frame["sampler"] == sampler)]
        return row.assign(seed=row["seed"].fillna(-1).astype(int))


def _at(table: pa.Table, horizon_s: float) -> pd.DataFrame:
    """The lines of one horizon; NaN for what is no number, also where it is infinite."""
    near = pc.less(pc.abs(pc.subtract(table["horizon_s"], horizon_s)), 1e-6)
    frame = table.filter(near).to_pandas()
    return frame.assign(value=frame["value"].where(np.isfinite(frame["value"])))


def pairs_of(comparisons: Sequence[str], rows: dict[str, Row]) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of labels to compare, and the comparisons left out because `rows` lack one of the two."""
    pairs, missing = [], []
    for text in comparisons:
        first, second = split_comparison(text)
        firsts = [first]
        if first == EVERY_LEARNED:
            firsts = [label for label, (_, sampler) in rows.items() if is_learned(sampler) and label != second]
        there = [(one, second) for one in firsts if one in rows and second in rows]
        pairs += [pair for pair in there if pair not in pairs]
        missing += [] if there else [text]
    return pairs, missing


def compare(
    values: pa.Table,
    replicates: pa.Table,
    horizons_s: Sequence[float],
    comparisons: Sequence[str],
    resamples: int,
) -> tuple[list[Difference], list[str]]:
    """All differences, by pair, horizon and metric that both rows have, and the comparisons that were left out.

    `values` and `replicates` are those of `Scores`. Raises `LamoError` if two rows were scored on different windows or
    have different training seeds.
    """
    scored = [(horizon, Scored(values, replicates, horizon)) for horizon in horizons_s]
    pairs, missing = pairs_of(comparisons, scored[0][1].rows)
    found = [
        difference
        for first, second in pairs
        for horizon, one in scored
        for difference in _differences(one, first, second, horizon, resamples)
    ]
    return found, missing


def _differences(scored: Scored, first: str, second: str, horizon: float, resamples: int) -> Iterator[Difference]:
    windows = scored.windows(first)
    if not windows.equals(scored.windows(second)):
        raise LamoError(f"metrics: {first} and {second} were scored on other windows; run stages 06 and 07 again")
    clips = windows.get_level_values("clip").tolist()
    for metric in (name for name in scored.metrics if scored.has(first, name) and scored.has(second, name)):
        one, other = _paired(first, scored.values(first, metric).T, second, scored.values(second, metric).T)
        interval = ClipBootstrap(clips, resamples).mean((one - other).T, seeded=True)
        yield Difference(first, second, horizon, metric, *_means(one, other), interval, len(set(clips)), one.shape[0])
    for metric in scored.distances:
        (a, seeds_a, without_a), (b, seeds_b, without_b) = (scored.distance(row, metric) for row in (first, second))
        one, other = _paired(first, seeds_a, second, seeds_b)
        interval = _distance_interval(a - b, one - other, without_a - without_b, resamples)
        means = (a, b) if np.isfinite(a - b) else (math.nan, math.nan)
        yield Difference(first, second, horizon, metric, *means, interval, len(set(clips)), one.shape[0])


def _distance_interval(apart: float, seeds: np.ndarray, without: pd.Series, resamples: int) -> Interval:
    """Interval of a difference of distances from what each seed stands for [K] and that with each clip left out.

    The influence of a clip on both rows cancels in the difference.
    """
    if without.empty:
        return Interval(apart, math.nan, math.nan)
    units = ClipBootstrap(without.index.tolist(), resamples)
    found = LeftOut(np.array([apart]), without.to_numpy()[:, None], seeds[:, None])
    return units.intervals(units.linear(found))[0]


def _means(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Means of two rows over what has a number in both, so that their difference is that of the table."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.all():
        return float(one.mean()), float(other.mean())
    return (float(one[known].mean()), float(other[known].mean())) if known.any() else (math.nan, math.nan)


def _paired(
    first: str, a: pd.DataFrame | pd.Series, second: str, b: pd.DataFrame | pd.Series
) -> tuple[np.ndarray, ...]:
    """Values of two rows by training seed [K, ...]; those of a control, which has no seeds, are repeated."""
    seeds = [set(one.index) - {-1} for one in (a, b)]
    if seeds[0] and seeds[1] and seeds[0] != seeds[1]:
        raise LamoError(
            f"metrics: {first} has training seeds {sorted(seeds[0])} and {second} {sorted(seeds[1])}; expected the "
            "same seeds, which are paired by number"
        )
    one, other = np.broadcast_arrays(a.to_numpy(), b.to_numpy())
    return one, other
