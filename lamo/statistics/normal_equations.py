"""Ridge regression of many targets at once from sums of products, on any device.

`lamo.statistics.ridge` is for the other case: few targets on the CPU, features scaled to unit variance, and a ridge
chosen for each target.
"""

import torch
from torch import Tensor


def solve_ridge(gram: Tensor, moment: Tensor, ridge: float) -> Tensor:
    """Weights [C, R] that minimise |x w - y|^2 + `ridge` |w|^2, summed over rows x [C] and y [R].

    `gram` [C, C] is the sum of x^T x and `moment` [C, R] that of x^T y, float64. The last column of x is 1: its weight
    is the bias, which is not shrunk.
    """
    penalty = torch.full_like(gram[0], ridge)
    penalty[-1] = 0.0
    return torch.linalg.solve(gram + penalty.diag(), moment)
