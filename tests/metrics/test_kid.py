"""The kernel distance against its definition, known values, and of weighted sets."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.metrics.kid import weighted_kernel_distance


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def reference(x: np.ndarray, y: np.ndarray, clip: np.ndarray) -> float:
    apart = clip[:, None] != clip
    return float(sum(sign * kernel(a, b)[apart].mean() for a, b, sign in ((x, x, 1), (y, y, 1), (x, y, -2))))


def usual(x: np.ndarray, y: np.ndarray) -> float:
    """With pairs of frames of one clip, and of a frame and its own truth."""
    off = ~np.eye(len(x), dtype=bool)
    return float(kernel(x, x)[off].mean() + kernel(y, y)[off].mean() - 2 * kernel(x, y).mean())


def distance(x: np.ndarray, y: np.ndarray, clip: np.ndarray) -> float:
    return float(weighted_kernel_distance(x, [y], clip, np.ones((1, len(x))))[0, 0])


def test_is_the_definition():
    x, y = np.random.default_rng(0).normal(size=(2, 40, 12))
    for clip in (np.arange(40), np.arange(40) // 5):
        assert distance(x, y + 0.3, clip) == pytest.approx(reference(x, y + 0.3, clip), rel=1e-9)


def test_is_unbiased_for_frames_of_few_clips_that_resemble_their_own_truth():
    """Five windows of a clip are alike, and so are a prediction and its truth; all are drawn from one distribution."""
    generator = np.random.default_rng(1)
    clip = np.arange(40) // 5
    for clips, frames in ((clip, 40), (np.arange(10), 10)):
        found, within = [], []
        for _ in range(300):
            shared, *own = generator.normal(size=(3, frames, 8))
            shared = shared[clips]
            x, y = (np.sqrt(0.8) * shared + np.sqrt(0.2) * one for one in own)
            found.append(distance(x, y, clips))
            within.append(usual(x, y))
        assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)
        assert np.mean(within) < -3 * np.std(within) / np.sqrt(300)
        assert min(found) < 0


def test_of_weights_it_is_the_statistic_of_the_repeated_rows():
    x, y = np.random.default_rng(2).normal(size=(2, 30, 6))
    clip = np.arange(30) // 3
    weights = np.concatenate([np.ones((1, 30)), np.random.default_rng(3).multinomial(30, np.full(30, 1 / 30), size=4)])
    found = weighted_kernel_distance(x, [y, x], clip, weights)
    assert found.shape == (2, 5)
    for r, row in enumerate(weights.astype(int)):
        index = np.repeat(np.arange(30), row)
        assert found[0, r] == pytest.approx(reference(x[index], y[index], clip[index]))
        assert found[1, r] == pytest.approx(0.0, abs=1e-9)


def test_frames_of_one_clip_have_no_distance():
    x, y = np.random.default_rng(4).normal(size=(2, 6, 3))
    weights = np.array([[1.0] * 6, [1.0] * 3 + [0.0] * 3])
    found = weighted_kernel_distance(x, [y], np.array([0, 0, 0, 1, 1, 1]), weights)
    assert np.isfinite(found[0]).tolist() == [True, False]


def test_bad_features_are_named():
    with pytest.raises(LamoError, match="at least 2 rows"):
        distance(np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(1))
    with pytest.raises(LamoError, match="not finite"):
        distance(np.zeros((5, 4)), np.full((5, 4), np.nan), np.arange(5))
