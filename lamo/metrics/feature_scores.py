"""Scores of windows in the features of a network: the energy score, and the distance of a sample from the truth.

Features see what people see: independent noise and the streaks of a model are far from any true frame in them, where
pixels hardly tell such a frame from one with a smooth error of the same size (docs/scores.md).
"""

from collections.abc import Sequence

import numpy as np

from lamo.metrics.samples import energy_score

FEATURE_METRICS = ("energy_features", "distance_features")
"""Scores of all samples of a window together; declared under the same names in `lamo.metrics.catalogue`."""


def feature_distances(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|x_s - y| [W, S, F] and the mean of |x_s - x_s'| over pairs s != s' [W, F], NaN where S = 1, of features
    `predicted` [W, S, F, d] and `truth` [W, F, d]: root mean squares over the d features."""
    error = np.sqrt(np.square(predicted - truth[:, None]).mean(axis=-1))
    samples = predicted.shape[1]
    if samples == 1:
        return error, np.full(error.shape[::2], np.nan)
    first, second = np.triu_indices(samples, 1)
    # Pair by pair: all of them at once are many times what the features take.
    apart = [
        np.sqrt(np.square(predicted[:, one] - predicted[:, other]).mean(axis=-1))
        for one, other in zip(first, second, strict=True)
    ]
    return error, np.mean(apart, axis=0)


def feature_scores(
    predicted: np.ndarray, truth: np.ndarray, deterministic: bool, at: Sequence[int], steps: int
) -> dict[str, np.ndarray]:
    """`FEATURE_METRICS` [W, T] of features at F of T steps, `at`, counted from 1.

    Shapes of features as in `feature_distances`, `deterministic` as in `energy_score`. NaN at the other steps: features
    are costly, so that they are computed at the horizons only.
    """
    error, spread = feature_distances(predicted.astype(np.float64), truth.astype(np.float64))
    found = (energy_score(error, spread, deterministic), error.mean(axis=1))
    scores = {name: np.full((len(error), steps), np.nan, np.float32) for name in FEATURE_METRICS}
    for values, known in zip(scores.values(), found, strict=True):
        values[:, np.asarray(at) - 1] = known
    return scores
