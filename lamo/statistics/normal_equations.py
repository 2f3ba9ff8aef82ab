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


class NormalEquations:
    """Sums over rows, in float64, of the products of inputs x [n, C] and wanted values y [n, R].

    The last column of x is 1.

    Attributes:
        gram: of x^T x, [C, C].
        moment: of x^T y, [C, R].
        squares: of y^T y, [R, R].
        rows: how many rows there were.
    """

    def __init__(self, columns: int, wanted: int, device: torch.device) -> None:
        self.gram = torch.zeros(columns, columns, dtype=torch.float64, device=device)
        self.moment = torch.zeros(columns, wanted, dtype=torch.float64, device=device)
        self.squares = torch.zeros(wanted, wanted, dtype=torch.float64, device=device)
        self.rows = 0

    def add(self, inputs: Tensor, wanted: Tensor) -> None:
        """Take rows. Their products are computed in the type of the rows."""
        self.gram += (inputs.T @ inputs).double()
        self.moment += (inputs.T @ wanted).double()
        self.squares += (wanted.T @ wanted).double()
        self.rows += len(inputs)

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        return self._with(other, 1)

    def __sub__(self, other: "NormalEquations") -> "NormalEquations":
        return self._with(other, -1)

    def _with(self, other: "NormalEquations", sign: int) -> "NormalEquations":
        columns, wanted = self.moment.shape
        result = NormalEquations(columns, wanted, self.moment.device)
        for name in ("gram", "moment", "squares", "rows"):
            setattr(result, name, getattr(self, name) + sign * getattr(other, name))
        return result

    def solve(self, ridge: float) -> Tensor:
        """Weights [C, R] by `solve_ridge`."""
        return solve_ridge(self.gram, self.moment, ridge)

    def residual_products(self, weights: Tensor) -> Tensor:
        """Sum of the squares and products of what x `weights` leaves of y, [R, R]."""
        return self.squares - weights.T @ self.moment - self.moment.T @ weights + weights.T @ self.gram @ weights
