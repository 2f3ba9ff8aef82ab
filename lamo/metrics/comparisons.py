"""Differences between two rows of the table on the same context windows, with their intervals.

All rows are scored on the same windows, and windows differ far more than methods do. That is why the difference of two
rows, taken window by window, has a much narrower interval than either row. Training seeds are paired by number. A
control has no seed and is compared with every seed of the other row.
"""

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
from lamo.metrics.rows import is_learned, row_label
from lamo.statistics.intervals import ClipBootstrap, Interval, LeftOut

Row = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """One metric of two rows at one horizon [s]: the mean of each, and the first minus the second.

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
    """The single values of a run (`lamo.metrics.long_form.Scores`) at one horizon."""

    def __init__(self, values: pa.Table, replicates: pa.Table, horizon_s: float) -> None:
        near = pc.less(pc.abs(pc.subtract(values["horizon_s"], horizon_s)), 1e-6)
        self._frame = values.filter(near).to_pandas()
        self._replicates = replicates.filter(
            pc.less(pc.abs(pc.subtract(replicates["horizon_s"], horizon_s)), 1e-6)
        ).to_pandas()
        if self._frame.empty or self._replicates.empty:
            raise LamoError(f"metrics: found no scores at {horizon_s:g} s; run the scoring again")
        compared = [name for name in self._frame["metric"].unique() if metric_of(name).compare]
        self.metrics = [name for name in compared if not metric_of(name).of_sets]
        """Metrics that are compared window by window."""
        self.frechet = next(name for name in compared if metric_of(name).of_sets)
        """The Frechet distance, of whole sets; it is compared with the same clips left out."""

    @cached_property
    def rows(self) -> dict[str, Row]:
        """Method and sampler of every row, by its label, in the order in which they were scored."""
        pairs = self._frame[["method", "sampler"]].drop_duplicates().itertuples(index=False, name=None)
        return {row_label(method, sampler): (method, sampler) for method, sampler in pairs}

    def windows(self, label: str, metric: str) -> pd.DataFrame:
        """Means over samples: a line per window, a column per training seed (-1 for a control)."""
        found = self._of(label, metric)
        return found.pivot_table("value", ["clip", "window_start"], "seed", aggfunc="mean")

    def distances(self, label: str) -> tuple[pd.Series, pd.Series]:
        """Frechet distance of each training seed, and that of the row with each clip (or group of clips) left out."""
        method, sampler = self.rows[label]
        lines = self._replicates
        lines = lines[(lines["method"] == method) & (lines["sampler"] == sampler)]
        without = lines.set_index("left_out")["value"].sort_index()
        return self._of(label, self.frechet).groupby("seed")["value"].mean(), without

    def _of(self, label: str, metric: str) -> pd.DataFrame:
        method, sampler = self.rows[label]
        frame = self._frame
        chosen = (frame["metric"] == metric) & (frame["method"] == method) & (frame["sampler"] == sampler)
        if not chosen.any():
            raise LamoError(f"metrics: found no {metric} of {label}; expected one per window, run the scoring again")
        return frame[chosen].assign(seed=frame.loc[chosen, "seed"].fillna(-1).astype(int))


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
    """All differences, by pair, horizon and metric, and the comparisons that were left out.

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
    for metric in scored.metrics:
        a, b = scored.windows(first, metric), scored.windows(second, metric)
        if not a.index.equals(b.index):
            raise LamoError(f"metrics: {first} and {second} were scored on other windows; run stages 06 and 07 again")
        one, other = _paired(first, a.T, second, b.T)
        bootstrap = ClipBootstrap(list(a.index.get_level_values("clip")), resamples)
        interval = bootstrap.mean((one - other).T, seeded=True)
        yield Difference(
            first, second, horizon, metric, one.mean(), other.mean(), interval, bootstrap.clips, one.shape[0]
        )
    yield _frechet_difference(scored, first, second, horizon, bootstrap)


def _frechet_difference(
    scored: Scored, first: str, second: str, horizon: float, bootstrap: ClipBootstrap
) -> Difference:
    (a, without_a), (b, without_b) = scored.distances(first), scored.distances(second)
    one, other = _paired(first, a, second, b)
    apart = one - other
    # The influence of a clip on both rows cancels in the difference.
    found = LeftOut(apart.mean(keepdims=True), (without_a - without_b).to_numpy()[:, None], apart[:, None])
    units = ClipBootstrap(without_a.index.tolist(), len(bootstrap.counts))
    (interval,) = units.intervals(units.linear(found))
    return Difference(
        first, second, horizon, scored.frechet, one.mean(), other.mean(), interval, bootstrap.clips, one.shape[0]
    )


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
