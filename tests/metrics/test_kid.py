"""The kernel distance against its definition, known values, and of weighted sets."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.metrics.kid import kernel_distance, weighted_kernel_distance


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def reference(x: np.ndarray, y: np.ndarray) -> float:
    n = len(x)
    off = ~np.eye(n, dtype=bool)
    return float(kernel(x, x)[off].mean() + kernel(y, y)[off].mean() - 2 * kernel(x, y).mean())


def test_is_the_definition():
    x, y = np.random.default_rng(0).normal(size=(2, 40, 12))
    assert kernel_distance(x, y + 0.3) == pytest.approx(reference(x, y + 0.3), rel=1e-9)


def test_is_unbiased_at_any_number_of_frames():
    generator = np.random.default_rng(1)
    for frames in (10, 100):
        found = [kernel_distance(*generator.normal(size=(2, frames, 8))) for _ in range(400)]
        assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(400)
        assert min(found) < 0


def test_of_weights_it_is_the_statistic_of_the_repeated_rows():
    """With weights of one it is the distance itself; else means over pairs of different draws."""
    x, y = np.random.default_rng(2).normal(size=(2, 30, 6))
    weights = np.concatenate([np.ones((1, 30)), np.random.default_rng(3).multinomial(30, np.full(30, 1 / 30), size=4)])
    found = weighted_kernel_distance(x, [[y, x], [y]], weights)
    assert found.shape == (2, 5)
    assert found[1, 0] == pytest.approx(kernel_distance(x, y))
    for r, row in enumerate(weights.astype(int)):
        index = np.repeat(np.arange(30), row)
        assert found[1, r] == pytest.approx(reference(x[index], y[index]))
        assert found[0, r] == pytest.approx((reference(x[index], y[index]) + reference(x[index], x[index])) / 2)


def test_bad_features_are_named():
    with pytest.raises(LamoError, match="at least 2 rows"):
        kernel_distance(np.zeros((1, 4)), np.zeros((1, 4)))
    with pytest.raises(LamoError, match="not finite"):
        kernel_distance(np.zeros((5, 4)), np.full((5, 4), np.nan))
