"""Kernel distance between two sets of features (Binkowski et al. 2018) of frames that come from several clips.

The kernel is (x . y / d + 1)^3. Means are over pairs of frames of different clips: frames of one clip resemble each
other, and a prediction resembles its own truth, so that pairs within a clip would draw the estimate below what it
estimates. Without them it is unbiased for any number of frames, and so may fall below 0.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lamo.metrics.frechet import checked_features


def weighted_kernel_distance(
    truth: np.ndarray, rows: Sequence[np.ndarray], clip: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Squared maximum mean discrepancy of each of the `rows`, predicted features [M, d], from true ones [M, d].

    For R weightings of the M frames, `weights` [R, M], truth and prediction alike; `clip` [M] is the number of each
    frame's clip. Gives [rows, R], NaN for a weighting with frames of one clip only.

    Raises:
        LamoError: there are fewer than two frames, or values that are not finite.
    """
    # Imported here because it takes seconds, and all that know the metrics by name import this module.
    from torchmetrics.image.kid import poly_kernel

    counts = torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float64))
    members = torch.from_numpy(clip[None, :] == np.unique(clip)[:, None]).double()
    apart = 1 - members.T @ members
    pairs = counts.sum(dim=1).square() - (counts @ members.T).square().sum(dim=1)

    def mean(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        total = ((counts @ (poly_kernel(first, second) * apart)) * counts).sum(dim=1)
        return torch.where(pairs > 0, total / pairs, torch.nan)

    true = _checked(truth)
    within = mean(true, true)
    found = [within + mean(x, x) - 2 * mean(true, x) for x in map(_checked, rows)]
    return torch.stack(found).numpy()


def _checked(features: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(checked_features(features, "kernel distance"))
