"""The tables of the study, from the stored scores of its jobs.

Shapes: W windows, K training seeds (1 for a control), H horizons.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamo.metrics.catalogue import arrow, decimals_of, title
from lamo.metrics.comparisons import Difference
from lamo.statistics.intervals import ClipBootstrap, Interval
from studies.ablations.work import METRICS

COLUMNS = (
    *("group", "variant", "row", "metric", "horizon_s", "mean", "low", "high"),
    *("reference", "difference", "difference_low", "difference_high", "favours", "clips", "windows", "seeds"),
)
LAST_ONLY = ("psnr_mean", "ssim", "ssim_mean", "energy_score", "sharpness")
COMPARED = ("psnr", "ssim", "energy_score")


@dataclass(frozen=True)
class Row:
    """One line: a variant with a sampler, or a control beside a variant.

    `results`: the stored results, one for each seed. `reference`: the row that it is compared with, None for controls
    and for the reference itself. `constant`: constant motion in the same dynamics.
    """

    variant: str
    about: str
    row: str
    results: Sequence[Mapping[str, Any]]
    reference: "Row | None" = None
    constant: "Row | None" = None

    @property
    def label(self) -> str:
        """Variant and sampler."""
        return f"{self.variant} {self.row}"

    def values(self, metric: str) -> np.ndarray:
        """[W, K, H]."""
        return np.stack([np.array(one["scores"][metric]) for one in self.results], axis=1)


@dataclass(frozen=True)
class Tables:
    """Writes the rows of a group. `clips`: the clip of each window; `horizons_s`: what was scored."""

    clips: Sequence[str]
    horizons_s: Sequence[float]
    bootstrap: ClipBootstrap

    def difference(self, row: Row, other: Row, metric: str) -> list[Difference]:
        """`row` less `other`, window by window and seed by seed, at each horizon."""
        ours, theirs = np.broadcast_arrays(row.values(metric), other.values(metric))
        intervals = self.bootstrap.means(ours - theirs, seeded=True)
        counts = (self.bootstrap.clips, ours.shape[1])
        labels, means = (row.label, other.label), [one.mean(axis=(0, 1)).tolist() for one in (ours, theirs)]
        return [
            Difference(*labels, horizon, metric, means[0][i], means[1][i], intervals[i], *counts)
            for i, horizon in enumerate(self.horizons_s)
        ]  # fmt: skip

    def markdown(self, rows: Sequence[Row], missing: Sequence[str]) -> str:
        """The table of a group: bold differences are those whose interval does not contain 0."""
        last = f"{self.horizons_s[-1]:g} s"
        head = ["variant", "what", "sampler", *(f"PSNR {horizon:g} s" for horizon in self.horizons_s)]
        head += [f"{title(metric)} {last} {arrow(metric)}" for metric in LAST_ONLY]
        head += [f"Δ {title(metric)} {last}" for metric in COMPARED]
        head += [f"PSNR over constant {last}", "one-step error", "minutes"]
        rule = ["---"] * 3 + ["---:"] * (len(head) - 3)
        text = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *(self._cells(row) for row in rows)))
        return text + (f"\n\nNot finished: {', '.join(missing)}." if missing else "")

    def _cells(self, row: Row) -> list[str]:
        means = {metric: self.bootstrap.means(row.values(metric), seeded=True) for metric in ("psnr", *LAST_ONLY)}
        cells = [row.variant, row.about, row.row.replace("_", " ")]
        cells += [_shown(one, "psnr") for one in means["psnr"]]
        cells += [_shown(means[metric][-1], metric) for metric in LAST_ONLY]
        cells += [self._against(row, row.reference, metric) for metric in COMPARED]
        cells += [self._against(row, row.constant, "psnr")]
        return [*cells, _mean(row, "validation_error", 3), _mean(row, "minutes", 1)]

    def _against(self, row: Row, other: Row | None, metric: str) -> str:
        if other is None:
            return ""
        found = self.difference(row, other, metric)[-1]
        text = _shown(found.difference, metric, sign=True)
        return f"**{text}**" if found.favours else text

    def lines(self, group: str, rows: Sequence[Row]) -> Iterator[list[str]]:
        """Every number of a group, as lines of the CSV."""
        for row in rows:
            for metric in METRICS:
                means = self.bootstrap.means(row.values(metric), seeded=True)
                against = self.difference(row, row.reference, metric) if row.reference else [None] * len(means)
                for mean, other, horizon in zip(means, against, self.horizons_s, strict=True):
                    yield [group, row.variant, row.row, metric, f"{horizon:g}", *_numbers(mean),
                           *(_compared(other) if other else [""] * 5), *self._counts(row)]  # fmt: skip
            for fact in ("validation_error", "repeat_error", "minutes"):
                if fact in row.results[0]:
                    value = f"{np.mean([one[fact] for one in row.results]):.6g}"
                    yield [group, row.variant, row.row, fact, "", value, *[""] * 7, *self._counts(row)]

    def _counts(self, row: Row) -> list[str]:
        return [str(self.bootstrap.clips), str(len(self.clips)), str(len(row.results))]


def tables_of(clips: Sequence[str], horizons_s: Sequence[float], resamples: int, seed: int) -> Tables:
    """The writer for windows of the clips `clips` [W]."""
    return Tables(clips, horizons_s, ClipBootstrap(clips, resamples, seed))


def as_csv(lines: Sequence[Sequence[str]]) -> str:
    """The lines of all groups with their head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *lines])
    return text.getvalue()


def _compared(one: Difference) -> list[str]:
    return [one.second, *_numbers(one.difference), one.favours]


def _numbers(one: Interval) -> list[str]:
    return [f"{value:.6g}" if np.isfinite(value) else "" for value in (one.mean, one.low, one.high)]


def _shown(one: Interval, metric: str, sign: bool = False) -> str:
    digits = decimals_of(metric, [one.mean])
    mean = f"{one.mean:{'+' if sign else ''}.{digits}f}"
    return mean if np.isnan(one.low) else f"{mean} ±{(one.high - one.low) / 2:.{digits}f}"


def _mean(row: Row, fact: str, digits: int) -> str:
    return f"{np.mean([one[fact] for one in row.results]):.{digits}f}" if fact in row.results[0] else ""
