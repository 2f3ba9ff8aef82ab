"""Ridge regression from sums over rows, so that the rows of many clips never lie in memory together.

The solver assumes a positive definite matrix, which features scaled to unit variance give; `normal_equations` has the
form for many targets on any device.

Shapes: N rows, F features, Q targets, each target with a ridge of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from scipy.linalg import solve

# Rows that are multiplied at once: few large matrix products instead of one per clip.
BLOCK_ROWS = 1024
# Standard deviation, against the largest one, below which a feature is constant and gets no weight.
CONSTANT = 1e-9


@dataclass(frozen=True)
class Sums:
    """What a linear regression needs of its rows, float64: `count`, and sums of x [F], y [Q], x x^T [F, F], x y^T
    [F, Q] and y^2 [Q]. Sums of several sets of rows are added."""

    count: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Self:
        """Sums over the rows of `x` [N, F] and `y` [N, Q]."""
        x, y = x.astype(np.float64), y.astype(np.float64)
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y, np.square(y).sum(axis=0))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


class Summing:
    """Adds up the sums of rows that arrive in small pieces."""

    def __init__(self) -> None:
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []
        self._total: Sums | None = None

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Take rows `x` [N, F] and `y` [N, Q]."""
        self._pending.append((x, y))
        if sum(len(piece) for piece, _ in self._pending) >= BLOCK_ROWS:
            self._flush()

    def total(self) -> Sums:
        """The sums of all rows so far, of which there must be some."""
        if self._pending:
            self._flush()
        assert self._total is not None
        return self._total

    def _flush(self) -> None:
        block = Sums.of(*(np.concatenate(pieces) for pieces in zip(*self._pending, strict=True)))
        self._total = block if self._total is None else self._total + block
        self._pending = []


@dataclass(frozen=True)
class Linear:
    """y = x weights + offset; `weights` [F, Q], `offset` [Q]; `ridges` [Q] that it was fitted with."""

    weights: np.ndarray
    offset: np.ndarray
    ridges: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[N, F] -> [N, Q]."""
        return x.astype(np.float64) @ self.weights + self.offset

    def squared_error(self, rows: Sums) -> np.ndarray:
        """Sum of squared errors over `rows`, [Q]."""
        weights, offset = self.weights, self.offset
        quadratic = (weights * (rows.xx @ weights)).sum(axis=0) + 2 * offset * (rows.x @ weights)
        linear = (weights * rows.xy).sum(axis=0) + offset * rows.y
        return rows.yy - 2 * linear + quadratic + rows.count * np.square(offset)


def fit_ridge(rows: Sums, ridges: Sequence[float] | np.ndarray) -> Linear:
    """Minimise mean squared error + ridge |w|^2, w being the weights of features scaled to unit variance.

    `ridges` [Q]: one for each target.
    """
    ridges = np.asarray(ridges, dtype=np.float64)
    mean, target = rows.x / rows.count, rows.y / rows.count
    covariance = rows.xx / rows.count - np.outer(mean, mean)
    slopes = rows.xy / rows.count - np.outer(mean, target)
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    varies = scale > CONSTANT * max(scale.max(initial=0.0), np.abs(mean).max(initial=0.0), 1e-30)
    scale = np.where(varies, scale, np.inf)
    correlation, slopes = covariance / np.outer(scale, scale), slopes / scale[:, None]
    weights = np.empty_like(slopes)
    for ridge in np.unique(ridges):
        of = ridges == ridge
        penalised = correlation + ridge * np.eye(len(mean))
        weights[:, of] = solve(penalised, slopes[:, of], assume_a="pos") / scale[:, None]
    return Linear(weights, target - mean @ weights, ridges)


def fit_chosen(fitting: Sums, selection: Sums, ridges: Sequence[float]) -> Linear:
    """Fit to all rows with the ridge, for each target, that is best on `selection` after fitting to `fitting`."""
    targets = len(fitting.y)
    errors = [fit_ridge(fitting, np.full(targets, ridge)).squared_error(selection) for ridge in ridges]
    return fit_ridge(fitting + selection, np.asarray(ridges)[np.argmin(errors, axis=0)])
