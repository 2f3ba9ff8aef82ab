"""Ridge regression from sums against the same regression as ordinary least squares."""

import numpy as np
import torch

from lamo.statistics.normal_equations import solve_ridge


def test_it_is_least_squares_with_rows_for_the_ridge_and_a_free_bias():
    generator = np.random.default_rng(0)
    x = np.column_stack([generator.normal(size=(50, 4)), np.ones(50)])
    y = generator.normal(size=(50, 3)) + 7.0
    shrinking = np.sqrt(2.5) * np.eye(5)[:4]
    expected, *_ = np.linalg.lstsq(np.concatenate([x, shrinking]), np.concatenate([y, np.zeros((4, 3))]))
    gram, moment = (torch.from_numpy(product) for product in (x.T @ x, x.T @ y))
    np.testing.assert_allclose(solve_ridge(gram, moment, 2.5).numpy(), expected, rtol=1e-9)
