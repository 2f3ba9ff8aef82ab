"""Distances between the distributions of predicted and true frames: Frechet, Frechet at infinitely many frames, kernel.

Each sample of each training seed is a set of its own with one frame per window, so that all rows have equal N; the
value of a training seed is the mean over its sets, that of a row the mean over its seeds.

The Frechet distance of finite sets is biased upwards by a term that falls as 1/N. Chong and Forsyth (2020) extrapolate
linearly in 1/N from random subsets of several sizes; here from the whole set and its random halves (of whole clips: it
is clips that are independent), which give a line: d_inf = d(N) - (d(N/2) - d(N)), about. Truth and predictions are
halved together. The line holds where N/2 is well above the number of features; below that, part of the bias stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamo.metrics.frechet import bootstrap_frechet, frechet_distance
from lamo.metrics.intervals import ClipBootstrap, Interval, Replicates
from lamo.metrics.kid import bootstrap_kernel_distance, kernel_distance

SPLITS = 50
MIN_CLIPS = 4
"""Clips below which halves say nothing and the distance at infinity is NaN."""

Sets = Sequence[np.ndarray]


def metric_names(metric: str) -> tuple[str, str, str]:
    """Names of the three distances on the features of an extractor whose `metric` is `fid` or `fd_<features>`."""
    features = "inception" if metric == "fid" else metric.removeprefix("fd_")
    return metric, f"{metric}_inf", f"kid_{features}"


@dataclass(frozen=True)
class Distances:
    """Of the G training seeds of all rows, at one step: `sets`, the distances of each one's sets, and for intervals its
    `value` [G] and the replicates of it under resampling of clips, `resampled` [R, G]."""

    sets: list[list[float]]
    value: np.ndarray
    resampled: np.ndarray

    def row(self, members: slice) -> Replicates:
        """The row of which the training seeds are `members`."""
        seeds = self.value[members]
        return Replicates(seeds.mean(keepdims=True), self.resampled[:, members].mean(axis=1)[:, None], seeds[:, None])


def all_distances(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> tuple[Distances, ...]:
    """The three distances, in the order of `metric_names`, to true features [W, d] of G groups of sets [W, d] each."""
    return _frechet(truth, groups, bootstrap), _at_infinity(truth, groups, bootstrap), _kernel(truth, groups, bootstrap)


def distance_interval(found: Replicates, bootstrap: ClipBootstrap, signed: bool) -> Interval:
    """Interval of a row; resampling with repetition biases the replicates, which are moved onto the value. `signed` is
    False for a distance that cannot be below 0."""
    (interval,) = bootstrap.intervals(found, recentre=True)
    return interval if signed else Interval(interval.mean, float(np.maximum(interval.low, 0.0)), interval.high)


def _frechet(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    sets = [[frechet_distance(truth, one) for one in group] for group in groups]
    resampled = bootstrap_frechet(truth, groups, bootstrap.window_weights).T if bootstrap.clips > 1 else _none(groups)
    return Distances(sets, np.array([np.mean(one) for one in sets]), resampled)


def _kernel(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    sets = [[kernel_distance(truth, one) for one in group] for group in groups]
    resampled = bootstrap_kernel_distance(truth, groups, bootstrap.window_weights).T
    return Distances(sets, np.array([np.mean(one) for one in sets]), resampled)


def _at_infinity(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    if bootstrap.clips < MIN_CLIPS:
        missing = _none(groups)
        return Distances([[] for _ in groups], missing[0], missing)
    value = extrapolate(truth, groups, bootstrap, np.ones((1, bootstrap.clips)), SPLITS)[0]
    resampled = extrapolate(truth, groups, bootstrap, bootstrap.counts, 1)
    return Distances([[] for _ in groups], value, resampled)


def extrapolate(
    truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap, counts: np.ndarray, splits: int
) -> np.ndarray:
    """Frechet distances at infinite N [R, G] of sets in which clips are drawn `counts` [R, C] times, from the mean of
    `splits` random divisions into two halves. `truth`, `groups` as in `all_distances`."""
    generator = np.random.default_rng(bootstrap.seed)
    clips = counts.shape[1]
    halves = [half for _ in range(splits) for half in _halves(counts.astype(np.int64), generator)]
    stacked = np.concatenate([counts, *halves])[:, bootstrap.index]
    whole, *parts = np.split(bootstrap_frechet(truth, groups, stacked).T, 1 + 2 * splits)
    half = np.mean(parts, axis=0)
    # inverse sizes, in clips: the line through (1/C, whole) and (mean of the halves', half) at 0
    size, half_size = 1 / clips, (1 / (clips // 2) + 1 / (clips - clips // 2)) / 2
    return np.asarray(whole - (half - whole) * size / (half_size - size))


def _halves(counts: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Drawn clips, `counts` [R, C], dealt at random into C // 2 and the others: two such tables."""
    clips = counts.shape[1]
    drawn = np.repeat(np.tile(np.arange(clips), len(counts)), counts.ravel()).reshape(len(counts), clips)
    first = generator.permuted(drawn, axis=1)[:, : clips // 2]
    half = np.zeros_like(counts)
    np.add.at(half, (np.arange(len(counts))[:, None], first), 1)
    return half, counts - half


def _none(groups: Sequence[Sets]) -> np.ndarray:
    return np.full((1, len(groups)), np.nan)
