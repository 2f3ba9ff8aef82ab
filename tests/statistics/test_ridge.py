"""Ridge regression from sums: against least squares, against its own definition, and on features that do not vary."""

import numpy as np
import pytest

from lamo.statistics.ridge import BLOCK_ROWS, Summing, Sums, fit_chosen, fit_ridge


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 6)) * [1, 2, 0.1, 5, 1, 1] + [0, 3, 0, -2, 0, 50]
    y = x @ generator.normal(size=(6, 2)) + 0.3 * generator.normal(size=(300, 2)) + [4.0, -1.0]
    return x, y


def test_without_penalty_it_is_least_squares(rows):
    x, y = rows
    found = fit_ridge(Sums.of(x, y), [1e-12, 1e-12])
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y)
    np.testing.assert_allclose(found.weights, expected[:-1], rtol=1e-6)
    np.testing.assert_allclose(found.offset, expected[-1], rtol=1e-6)


def test_minimises_what_it_says_with_a_ridge_per_target(rows):
    x, y = rows
    ridges = np.array([0.05, 2.0])
    found, scale = fit_ridge(Sums.of(x, y), ridges), x.std(axis=0)
    for target, ridge in enumerate(ridges):

        def cost(weights, target=target, ridge=ridge):
            residual = y[:, target] - x @ weights
            return np.square(residual - residual.mean()).mean() + ridge * np.square(weights * scale).sum()

        best = found.weights[:, target]
        steps = 1e-3 * np.random.default_rng(1).normal(size=(20, 6)) / scale
        assert all(cost(best + step) > cost(best) for step in steps)
    np.testing.assert_allclose((found(x) - y).mean(axis=0), 0, atol=1e-9)


def test_errors_follow_from_the_sums(rows):
    x, y = rows
    linear = fit_ridge(Sums.of(x[:200], y[:200]), [0.1, 0.1])
    expected = np.square(linear(x[200:]) - y[200:]).sum(axis=0)
    np.testing.assert_allclose(linear.squared_error(Sums.of(x[200:], y[200:])), expected, rtol=1e-8)


def test_sums_of_pieces_are_the_sums_of_all(rows):
    x, y = (np.tile(part, (9, 1)) for part in rows)
    assert len(x) > 2 * BLOCK_ROWS
    summing = Summing()
    for begin in range(0, len(x), 70):
        summing.add(x[begin : begin + 70], y[begin : begin + 70])
    found, expected = summing.total(), Sums.of(x, y)
    assert found.count == expected.count
    for name in ("x", "y", "xx", "xy", "yy"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-10)


def test_features_that_do_not_vary_get_no_weight(rows):
    x, y = rows
    x = np.column_stack([x, np.full(len(x), 7.0), np.zeros(len(x))])
    found = fit_ridge(Sums.of(x, y), [1e-6, 1e-6])
    np.testing.assert_array_equal(found.weights[6:], 0)
    np.testing.assert_allclose(found.weights[:6], fit_ridge(Sums.of(x[:, :6], y), [1e-6, 1e-6]).weights)


def test_noise_is_given_a_large_ridge_and_signal_a_small_one():
    generator = np.random.default_rng(2)
    x = generator.normal(size=(120, 40))
    y = np.column_stack([x[:, 0], generator.normal(size=120)])
    found = fit_chosen(Sums.of(x[:80], y[:80]), Sums.of(x[80:], y[80:]), (1e-4, 1e-2, 1.0, 1e4))
    np.testing.assert_array_equal(found.ridges, [1e-4, 1e4])
    np.testing.assert_allclose(found.weights[:, 1], 0, atol=1e-3)
    # Fitted to all rows in the end, not only to those that the ridge was tried on.
    np.testing.assert_allclose(found.weights, fit_ridge(Sums.of(x, y), found.ridges).weights)
