"""The Frechet distance against SciPy's matrix square root, closed forms, and of weighted sets."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from lamo.errors import LamoError
from lamo.metrics.frechet import frechet_distance, weighted_frechet


def reference(a: np.ndarray, b: np.ndarray) -> float:
    first, second = np.cov(a.T), np.cov(b.T)
    root = sqrtm(first @ second).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * root))


def pair(rows: int, others: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(rows + width)
    mixing = generator.normal(size=(width, width)) / np.sqrt(width)
    return generator.normal(size=(rows, width)), generator.normal(size=(others, width)) @ mixing + 0.3


@pytest.mark.parametrize(("rows", "others", "width"), [(200, 200, 8), (300, 150, 32), (40, 60, 24)])
def test_agrees_with_the_matrix_square_root(rows, others, width):
    a, b = pair(rows, others, width)
    assert frechet_distance(a, b) == pytest.approx(reference(a, b), rel=1e-6)


@pytest.mark.parametrize(("rows", "others"), [(30, 30), (20, 50), (100, 40)])
def test_fewer_frames_than_features(rows, others):
    a, b = pair(rows, others, 64)
    assert frechet_distance(a, b) == pytest.approx(reference(a, b), rel=1e-3)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-8)


def test_closed_form_of_gaussians():
    """Diagonal Gaussians: |difference of means|^2 + sum of squared differences of standard deviations."""
    generator = np.random.default_rng(0)
    scales, shift = np.array([0.5, 1.0, 2.0, 3.0]), np.array([1.0, 0.0, -2.0, 0.5])
    a, b = generator.normal(size=(2, 200_000, 4))
    expected = np.square(shift).sum() + np.square(scales - 1).sum()
    assert frechet_distance(a, b * scales + shift) == pytest.approx(expected, rel=0.02)


def test_is_symmetric_and_ignores_rotation():
    a, b = pair(120, 90, 16)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0]
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(frechet_distance(a, b))


def test_is_biased_upwards_as_one_over_n():
    generator = np.random.default_rng(2)
    means = [np.mean([frechet_distance(*generator.normal(size=(2, n, 8))) for _ in range(60)]) for n in (50, 100, 200)]
    assert means[0] / means[1] == pytest.approx(2, rel=0.15)
    assert means[1] / means[2] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("width", [6, 80])
def test_of_weights_it_is_the_distance_of_the_repeated_rows(width):
    truth, predicted = pair(40, 40, width)
    other = truth + 0.1
    weights = np.random.default_rng(3).multinomial(40, np.full(40, 1 / 40), size=7).astype(float)
    found = weighted_frechet(truth, [predicted, other], weights, budget=20_000)
    for r, row in enumerate(weights.astype(int)):
        index = np.repeat(np.arange(40), row)
        each = [frechet_distance(truth[index], one[index]) for one in (predicted, other)]
        np.testing.assert_allclose(found[:, r], each, rtol=1e-5, atol=1e-6)


def test_bad_features_are_named():
    with pytest.raises(LamoError, match="at least 2 rows"):
        frechet_distance(np.zeros((1, 4)), np.zeros((5, 4)))
    with pytest.raises(LamoError, match="not finite"):
        frechet_distance(np.full((5, 4), np.nan), np.zeros((5, 4)))
