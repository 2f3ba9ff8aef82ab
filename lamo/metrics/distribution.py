"""Distances between the distributions of predicted and true frames: Frechet and kernel, with their intervals.

A set has one future of each of many windows, those of all training seeds of a row together. So all rows have as many
frames, and so many that the bias of a Frechet distance, which falls as one over their number, is small. Without more
windows than features there is none: the covariances would be singular, and the distance mostly bias.

Intervals are made by leaving out each clip in turn (`ClipBootstrap.linear`): drawing clips with repetition would bias
the distances upwards and spread them. Training seeds are left out in turn as well. What a seed stands for is Tukey's
pseudo-value: K times the value less K - 1 times that without the seed. The spread of these is that over seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamo.metrics.config import BootstrapConfig
from lamo.metrics.frechet import weighted_frechet
from lamo.metrics.kid import weighted_kernel_distance
from lamo.statistics.intervals import MIN_UNITS, ClipBootstrap, Interval, LeftOut, clip_groups
from lamo.stores.rollouts import Window


@dataclass(frozen=True)
class Distance:
    """The distance of a row at one step: `value`, and its values with each clip left out, [C], and with each training
    seed left out, [K], none for a row with one seed. NaN where there is no number."""

    value: float
    without_clip: np.ndarray
    without_seed: np.ndarray

    @property
    def seeds(self) -> np.ndarray:
        """What each training seed stands for, [K]."""
        return pseudo_values(self.value, self.without_seed)

    @property
    def left_out(self) -> LeftOut:
        """In the form that intervals are made from."""
        return LeftOut(np.array([self.value]), self.without_clip[:, None], self.seeds[:, None])


def pseudo_values(value: float, without: np.ndarray) -> np.ndarray:
    """Tukey's pseudo-values [K] of a statistic, from those with each of K units left out; itself if there is none."""
    return len(without) * value - (len(without) - 1) * without if len(without) else np.array([value])


class FrameSets:
    """The windows that the sets of all rows have, and how their clips and seeds are left out.

    Attributes:
        bootstrap: over the clips, or groups of them where there are many.
        different: windows that differ; in a small data set the training seeds may share some.
    """

    def __init__(self, windows: Sequence[Window], seeds: np.ndarray | None, settings: BootstrapConfig) -> None:
        """`seeds` [M]: the training seed that rolled out each of M windows; None if no row has several."""
        clips = [window.clip_id for window in windows]
        self._clip = np.unique(clips, return_inverse=True)[1]
        self._clips = len(set(clips))
        self.different = len(set(windows))
        self.bootstrap = ClipBootstrap(clip_groups(clips, settings.frechet_groups), settings.resamples)
        few = self.bootstrap.clips < MIN_UNITS
        left_out = np.empty((0, len(clips))) if few else self.bootstrap.weights_without
        kept = np.empty((0, len(clips))) if seeds is None else np.unique(seeds)[:, None] != seeds
        self._weights = np.concatenate([np.ones((1, len(clips))), left_out, kept])
        self._ends = [1, 1 + len(left_out)]
        self._fewest = min(len({windows[i] for i in np.flatnonzero(kept).tolist()}) for kept in self._weights)

    def can_have_frechet(self, width: int) -> bool:
        """Whether there are more windows than features."""
        return self.different > width

    def frechet(self, truth: np.ndarray, rows: Sequence[np.ndarray]) -> list[Distance]:
        """Frechet distances of predicted features [M, d] of each row to the true ones [M, d].

        What is left without a clip or a seed takes more windows than features as well, else nothing is known but the
        distance itself.
        """
        width = truth.shape[1]
        found = np.full((len(rows), len(self._weights)), np.nan)
        if self.can_have_frechet(width):
            known = len(self._weights) if self._fewest > width else 1
            found[:, :known] = weighted_frechet(truth, rows, self._weights[:known])
        return self._distances(found)

    def kernel(self, truth: np.ndarray, rows: Sequence[np.ndarray]) -> list[Distance]:
        """Kernel distances of the same."""
        if self._clips < 2:
            return self._unknown(len(rows))
        return self._distances(weighted_kernel_distance(truth, rows, self._clip, self._weights))

    def interval(self, found: Distance, signed: bool) -> Interval:
        """Interval over clips and seeds. `signed` is False for a distance that cannot be below 0."""
        (interval,) = self.bootstrap.intervals(self.bootstrap.linear(found.left_out))
        return interval if signed else Interval(interval.mean, float(np.maximum(interval.low, 0.0)), interval.high)

    def _distances(self, found: np.ndarray) -> list[Distance]:
        """From values [rows, 1 + C + K]."""
        nothing = np.full(self.bootstrap.clips, np.nan)
        parts = (np.split(row, self._ends) for row in found)
        return [Distance(float(value[0]), clips if len(clips) else nothing, seeds) for value, clips, seeds in parts]

    def _unknown(self, rows: int) -> list[Distance]:
        return self._distances(np.full((rows, len(self._weights)), np.nan))
