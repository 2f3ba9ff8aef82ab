"""Kernel distance between two sets of features (Binkowski et al. 2018), and the same of weighted sets.

The kernel is (x . y / d + 1)^3. The estimate is unbiased where both sets are independent draws, and so may fall below
0. Here the frame with number i of one set is the true one of that with number i of the other; a prediction that
resembles its own truth more than other frames draws the estimate below 0, the more the fewer frames there are.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torchmetrics.image.kid import poly_kernel, poly_mmd

from lamo.metrics.frechet import checked_features


def kernel_distance(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy of features [n, d] and [n, d], all at once, without subsets:
    `poly_mmd` of torchmetrics.image.kid. Raises `LamoError` for fewer than two rows or values that are not finite."""
    x, y = _checked(truth), _checked(predicted)
    return float(poly_mmd(x, y))


def weighted_kernel_distance(
    truth: np.ndarray, groups: Sequence[Sequence[np.ndarray]], weights: np.ndarray
) -> np.ndarray:
    """Mean kernel distances of the sets of each of G groups to one set of true features [W, d] for R weightings of the
    windows: [G, R], with `groups` and `weights` [R, W] as of `lamo.metrics.frechet.weighted_frechet`.

    A window of weight n is n draws; a draw is not paired with itself, but with another draw of the same window.
    """
    counts = torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float64))
    true = _checked(truth)
    within = _within(true, counts)
    means = []
    for group in groups:
        found = []
        for one in group:
            x = _checked(one)
            across = ((counts @ poly_kernel(true, x)) * counts).sum(dim=1) / counts.sum(dim=1).square()
            found.append(within + _within(x, counts) - 2 * across)
        means.append(torch.stack(found).mean(dim=0))
    return torch.stack(means).numpy()


def _within(features: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Mean kernel over pairs of different draws [R], for `counts` [R, W] of the rows of `features` [W, d]."""
    kernel, total = poly_kernel(features, features), counts.sum(dim=1)
    pairs = ((counts @ kernel) * counts).sum(dim=1) - counts @ kernel.diagonal()
    return pairs / (total * (total - 1))


def _checked(features: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(checked_features(features, "kernel distance"))
