"""Distances between the distributions of predicted and true frames: Frechet, Frechet at infinitely many frames, kernel.

Each sample of each training seed is a set of its own with one frame per window, so that all rows have equal N; the
value of a training seed is the mean over its sets, that of a row the mean over its seeds.

The Frechet distance of finite sets is biased upwards by a term that falls as 1/N. Chong and Forsyth (2020) extrapolate
linearly in 1/N from random subsets of several sizes; here from the whole set and its random halves (of whole clips: it
is clips that are independent), which give a line: d_inf = d(N) - (d(N/2) - d(N)), about. Truth and predictions are
halved together. The line holds where N/2 is well above the number of features; below that, part of the bias stays.

Intervals are made by leaving out each clip in turn (`ClipBootstrap.linear`): drawing clips with repetition would bias
the distances upwards and spread them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lamo.metrics.frechet import frechet_distance, weighted_frechet
from lamo.metrics.kid import kernel_distance, weighted_kernel_distance
from lamo.statistics.intervals import MIN_UNITS, ClipBootstrap, Interval, LeftOut

SPLITS = 50
"""Random divisions into halves, over which the distance at infinity is a mean."""
SPLITS_WITHOUT = 8
"""How many of them its interval is made from, for speed; clips are left out of the same halves."""
MIN_CLIPS = 4
"""Clips below which halves say nothing and the distance at infinity is NaN."""
MIN_WINDOWS = 2
"""Windows below which a set has no covariance, and every distance is NaN."""

Sets = Sequence[np.ndarray]


@dataclass(frozen=True)
class Distances:
    """Of the G training seeds of all rows, at one step: `sets`, the distances of each one's sets, and for intervals its
    `value` [G], and `without` [C, G], the value with clip c left out; NaN where there are too few clips."""

    sets: list[list[float]]
    value: np.ndarray
    without: np.ndarray

    def row(self, members: slice) -> LeftOut:
        """The row of which the training seeds are `members`."""
        seeds = self.value[members]
        return LeftOut(seeds.mean(keepdims=True), self.without[:, members].mean(axis=1)[:, None], seeds[:, None])


def all_distances(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> tuple[Distances, ...]:
    """The three distances to true features [W, d] of G groups of sets [W, d] each, in the order of
    `lamo.metrics.rows.distance_names`; NaN where there are too few windows."""
    if len(truth) < MIN_WINDOWS:
        nothing = _unknown(bootstrap, groups)
        return tuple(
            Distances([[math.nan] * (len(one) if by_set else 0) for one in groups], nothing[0], nothing)
            for by_set in (True, False, True)
        )
    return _frechet(truth, groups, bootstrap), _at_infinity(truth, groups, bootstrap), _kernel(truth, groups, bootstrap)


def distance_interval(found: LeftOut, bootstrap: ClipBootstrap, signed: bool) -> Interval:
    """Interval of a row. `signed` is False for a distance that cannot be below 0."""
    (interval,) = bootstrap.intervals(bootstrap.linear(found))
    return interval if signed else Interval(interval.mean, float(np.maximum(interval.low, 0.0)), interval.high)


def _frechet(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    sets = [[frechet_distance(truth, one) for one in group] for group in groups]
    without = _without(weighted_frechet, truth, groups, bootstrap)
    return Distances(sets, np.array([np.mean(one) for one in sets]), without)


def _kernel(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    sets = [[kernel_distance(truth, one) for one in group] for group in groups]
    without = _without(weighted_kernel_distance, truth, groups, bootstrap)
    return Distances(sets, np.array([np.mean(one) for one in sets]), without)


def _without(
    distance: Callable[[np.ndarray, Sequence[Sets], np.ndarray], np.ndarray],
    truth: np.ndarray,
    groups: Sequence[Sets],
    bootstrap: ClipBootstrap,
) -> np.ndarray:
    """A distance of weighted sets with each clip left out: [C, G]."""
    if bootstrap.clips < MIN_UNITS:
        return _unknown(bootstrap, groups)
    return distance(truth, groups, bootstrap.weights_without).T


def _at_infinity(truth: np.ndarray, groups: Sequence[Sets], bootstrap: ClipBootstrap) -> Distances:
    clips, without = bootstrap.clips, _unknown(bootstrap, groups)
    if clips < MIN_CLIPS:
        return Distances([[] for _ in groups], without[0], without)
    first = _first_halves(clips, bootstrap.seed)
    value = extrapolate(truth, groups, bootstrap.index, np.ones((1, clips)), first)[0]
    if clips >= MIN_UNITS:
        without = extrapolate(truth, groups, bootstrap.index, 1 - np.eye(clips), first[:SPLITS_WITHOUT])
    return Distances([[] for _ in groups], value, without)


def extrapolate(
    truth: np.ndarray, groups: Sequence[Sets], clip: np.ndarray, counts: np.ndarray, first: np.ndarray
) -> np.ndarray:
    """Frechet distances at infinite N [R, G] of R sets in which clips count `counts` [R, C] times, from the mean over
    the halves that `first` [S, C] says (1 for a clip of the first half, 0 for one of the second). `clip`: number of
    each window's clip [W]; `truth`, `groups` as in `all_distances`."""
    parts = [counts * one for division in first for one in (division, 1 - division)]
    weights = np.concatenate([counts, *parts])[:, clip]
    whole, *found = np.split(weighted_frechet(truth, groups, weights).T, 1 + len(parts))
    half = np.mean(found, axis=0)
    # inverse sizes, in clips: the line through (1/C, whole) and (mean of the halves', half) at 0
    size = 1 / counts.sum(axis=1, keepdims=True)
    half_size = np.mean([1 / part.sum(axis=1, keepdims=True) for part in parts], axis=0)
    return np.asarray(whole - (half - whole) * size / (half_size - size))


def _first_halves(clips: int, seed: int) -> np.ndarray:
    """Random halves, of clips // 2: float64 [SPLITS, clips] of 0 and 1."""
    halves = np.tile((np.arange(clips) < clips // 2).astype(np.float64), (SPLITS, 1))
    return np.random.default_rng(seed).permuted(halves, axis=1)


def _unknown(bootstrap: ClipBootstrap, groups: Sequence[Sets]) -> np.ndarray:
    return np.full((bootstrap.clips, len(groups)), np.nan)
