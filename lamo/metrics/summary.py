"""All rows of a table together: means, distances between distributions, and their intervals."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from lamo.errors import LamoError
from lamo.metrics.config import BootstrapConfig
from lamo.metrics.distribution import Distance, FrameSets
from lamo.metrics.feature_scores import FEATURE_METRICS
from lamo.metrics.features.clips import ClipFeatures
from lamo.metrics.features.extractor import Extractors, features_at
from lamo.metrics.long_form import (
    Features,
    Scores,
    distance_table,
    pixel_table,
    replicates_table,
    summary_table,
)
from lamo.metrics.rows import REFERENCE, distance_names, horizon_steps, rows_in_order
from lamo.metrics.scored import ScoredSet
from lamo.progress import Bar
from lamo.statistics.intervals import ClipBootstrap, Interval, Replicates
from lamo.stores.rollouts import Rollouts, Window

Row = Sequence[ScoredSet]


def summarise(
    scored: Sequence[ScoredSet],
    windows: Sequence[Window],
    single_truth: Rollouts,
    rate_hz: float,
    extractors: Extractors,
    horizons_s: Sequence[float],
    settings: BootstrapConfig,
    clips: ClipFeatures | None = None,
) -> Scores:
    """Means, distances between distributions and their intervals of all rows.

    `windows` are those with several samples, `single_truth` the true frames of those with one; `clips` as for
    `score_row`. Windows that were chosen at a fork are in the single values alone. A row whose single futures are not
    known has no distances.

    Raises:
        LamoError: there is no row, the seeds of one have different numbers of samples, or single futures of other
            windows than the truth.
    """
    if not scored:
        raise LamoError("scoring: found no rollouts, expected at least one store")
    steps = horizon_steps(horizons_s, rate_hz, single_truth.frames.shape[2])
    true_features = {one.metric: features_at(single_truth.frames, steps, one)[:, 0] for one in extractors}
    if clips:
        true_features[clips.metric] = clips.of(single_truth, steps[-1])
    mean, unit = _centre_and_unit(true_features[extractors.windows.metric])
    scored = [_scaled(one, extractors.windows.metric, mean, unit) for one in scored]
    true_features[extractors.windows.metric] = (true_features[extractors.windows.metric] - mean) / unit
    spread = [place for place, window in enumerate(windows) if not window.at_fork]
    rows = _rows([_of_windows(one, spread) for one in scored])
    bootstrap = ClipBootstrap([windows[place].clip_id for place in spread], settings.resamples)
    entries = [entry for row in rows for entry in mean_summary(row, bootstrap)] + skill_summary(rows, bootstrap)
    known = [row for row in rows if all(one.features for one in row)]
    sets, distances = _distances(known, single_truth.windows, true_features, steps if known else [], settings)
    tables = [pixel_table(one, windows, rate_hz) for one in scored]
    features = [
        Features(one.metric, one.description, true_features[one.metric].shape[-1], distances.bias(one.metric))
        for one in ((*extractors, clips) if clips else extractors)
    ]
    return Scores(
        pa.concat_tables([*tables, distance_table(distances.long, rate_hz)]),
        replicates_table(distances.replicates, rate_hz),
        summary_table(entries + distances.entries, rate_hz),
        len(spread),
        sets.different,
        features,
    )


def _centre_and_unit(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean [d] and root of the mean variance of features [M, F, d]; 1 where they do not vary at all."""
    flat = features.reshape(-1, features.shape[-1]).astype(np.float64)
    spread = float(np.sqrt(flat.var(axis=0).mean()))
    return flat.mean(axis=0), spread if spread > 1e-9 else 1.0


def _scaled(one: ScoredSet, metric: str, mean: np.ndarray, unit: float) -> ScoredSet:
    """The set with the features of `metric`, and the scores made of them, in units of their spread over true frames."""
    joint = {name: values / unit if name in FEATURE_METRICS else values for name, values in one.joint.items()}
    scaled = {name: (values - mean) / unit if name == metric else values for name, values in one.features.items()}
    return replace(one, joint=joint, features=scaled)


def _of_windows(one: ScoredSet, places: Sequence[int]) -> ScoredSet:
    """The set with the scores of some of the windows with several samples."""
    single, joint = ({name: values[places] for name, values in part.items()} for part in (one.single, one.joint))
    return replace(one, single=single, joint=joint)


def _rows(scored: Sequence[ScoredSet]) -> list[list[ScoredSet]]:
    """Group by method and sampler, in the table's order, seeds ascending."""
    order = rows_in_order((one.method, one.sampler) for one in scored)
    rows = [[one for one in scored if (one.method, one.sampler) == row] for row in order]
    for row in rows:
        row.sort(key=lambda one: one.seed or 0)
        counts = {one.samples for one in row}
        if len(counts) > 1 or len({one.seed for one in row}) < len(row):
            raise LamoError(
                f"rollouts of {row[0].label}: found seeds {[one.seed for one in row]} with {sorted(counts)} samples, "
                "expected different seeds with equally many samples; run stage 06 again"
            )
    return rows


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
        "n_samples": one.samples,
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
        long: lines of the long form, one for each row of the table.
        replicates: distances with each clip, and each training seed, left out.
    """

    def __init__(self, rows: Sequence[Row], sets: FrameSets, clips: int) -> None:
        self._rows = rows
        self._sets = sets
        self._clips = clips
        self.entries: list[dict[str, Any]] = []
        self.long: list[dict[str, Any]] = []
        self.replicates: list[dict[str, Any]] = []
        self._biases: dict[str, list[float]] = defaultdict(list)

    def bias(self, frechet: str) -> tuple[float, float]:
        """Smallest and largest jackknife estimate of the bias of a Frechet distance; NaN if unknown."""
        known = [bias for bias in self._biases[frechet] if np.isfinite(bias)]
        return (min(known), max(known)) if known else (float("nan"), float("nan"))

    def add(self, step: int, frechet: str, truth: np.ndarray, predicted: Sequence[np.ndarray]) -> None:
        """Score predicted features [M, d] of every row at `step` against the true ones [M, d].

        `frechet` is the `metric` of the features' extractor.
        """
        at, kernel = distance_names(frechet)
        for name, distance in ((at, self._sets.frechet), (kernel, self._sets.kernel)):
            for row, found in zip(self._rows, distance(truth, predicted), strict=True):
                # A row of one seed, as a control is, has nothing without it.
                one = found if len(row) > 1 else replace(found, without_seed=found.without_seed[:0])
                self._keep(row, step, name, one)
                if name == at:
                    self._biases[name].append(float(one.left_out.bias[0]))

    def _keep(self, row: Row, step: int, name: str, found: Distance) -> None:
        interval = self._sets.interval(found, signed=name.startswith("kid_"))
        self.entries.append(entry(row, step, name, interval, self._clips))
        key = {"method": row[0].method, "sampler": row[0].sampler, "step": step, "metric": name}
        self.long.append({**key, "value": found.value})
        clips = self._sets.bootstrap.clip_ids.tolist()
        for clip, value in zip(clips, found.without_clip.tolist(), strict=True):
            self.replicates.append({**key, "left_out": clip, "value": value})
        if len(found.without_seed):
            for one, value in zip(row, found.without_seed.tolist(), strict=True):
                self.replicates.append({**key, "seed": one.seed, "value": value})


def _distances(
    rows: Sequence[Row], truth: Sequence[Window], features: dict[str, np.ndarray], steps: Sequence[int],
    settings: BootstrapConfig,
) -> tuple[FrameSets, DistanceSummary]:  # fmt: skip
    """Distances at every horizon on all features, of which `features` has the true ones [M, F, d] by metric.

    Features of clips, [M, 1, d], belong to the last horizon.
    """
    order = _order(truth)
    windows = [truth[i] for i in order]
    seeds = None
    orders = []
    for row in rows:
        own = [window for one in row for window in one.windows]
        orders.append(_order(own))
        if [own[i] for i in orders[-1]] != windows:
            raise LamoError(
                f"rollouts of {row[0].label}: found single futures of {len(own)} windows that are not the truth's "
                f"{len(truth)}; run stage 06 again"
            )
        if len(row) > 1:
            seeds = np.repeat(np.arange(len(row)), [len(one.windows) for one in row])[orders[-1]]
    sets = FrameSets(windows, seeds, settings)
    found = DistanceSummary(rows, sets, len({window.clip_id for window in windows}))
    ordered = list(zip(rows, orders, strict=True))
    for index, step in enumerate(Bar(steps, desc="distances of distributions", unit="step")):
        for metric, true in features.items():
            place = index - (len(steps) - true.shape[1])
            if place >= 0:
                each = [np.concatenate([one.features[metric][:, place] for one in row])[by] for row, by in ordered]
                found.add(step, metric, true[order, place], each)
    return sets, found


def _order(windows: Sequence[Window]) -> list[int]:
    """Places of the windows by clip and start."""
    return sorted(range(len(windows)), key=lambda i: (windows[i].clip_id, windows[i].start))
