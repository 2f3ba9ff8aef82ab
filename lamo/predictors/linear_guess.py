"""A linear guess of the next motion tokens or latent state, fitted in closed form; a head then models what is left.

With the Gaussian of what is left in place of a head it is a model of its own, a linear-Gaussian autoregression.

Which token of the past tells what of which next one is a matrix of its own for every pair of tokens. Least squares
finds these in seconds; a transformer, which shares its projections among the tokens, needs thousands of steps for them.

Shapes: B windows, T steps of the past, N values of a step (all tokens and channels), R rank, G lags.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.predictors.interface import Randomness
from lamo.predictors.randomness import normal
from lamo.statistics.normal_equations import NormalEquations

RANK = 512
"""Principal components that the guess is made in; fewer where a step has fewer values."""
WINDOWS = 12_000
"""Windows that it is fitted on, at most."""
BASIS_WINDOWS = 2_000
"""Those of them that the principal components are computed from."""
FOLDS = 4
"""Parts of them that are held out in turn, to see what the guess leaves."""

# Past [B, T, ...] and next value [B, ...] of some windows, normalised.
Windows = Iterator[tuple[Tensor, Tensor]]


class LinearGuess(nn.Module):
    """E[next value | last `lags` values] by ridge regression between principal components.

    The value itself is regressed, not its change: a guess of the change, added to the last value, would keep all the
    noise that a sample has, step after step of a rollout.

    Attributes:
        basis: principal components, [N, R].
        weight: from the components of the lags, oldest first, to those of the next value, [G R, R].
        bias: [R].
        spread: symmetric root of the covariance of what the guess leaves of the next components, [R, R]; of windows
            that were held out from the regression, in `FOLDS` parts.
        outside: standard deviation of what of each value lies outside the components, [N].
    """

    basis: Tensor
    weight: Tensor
    bias: Tensor
    spread: Tensor
    outside: Tensor

    def __init__(self, shape: tuple[int, ...], lags: int, ridge: float) -> None:
        """`shape` of the value of a step; `ridge` per window."""
        super().__init__()
        values = math.prod(shape)
        rank = min(values, RANK)
        self.lags, self.ridge = lags, ridge
        self.register_buffer("basis", torch.zeros(values, rank))
        self.register_buffer("weight", torch.zeros(lags * rank, rank))
        self.register_buffer("bias", torch.zeros(rank))
        self.register_buffer("spread", torch.zeros(rank, rank))
        self.register_buffer("outside", torch.zeros(values))

    def forward(self, past: Tensor) -> Tensor:
        """The guess [B, ...] for `past` [B, T, ...], of which the last `lags` steps are read."""
        # In float32 also under autocast: rounding would enter what the head has to model.
        with torch.autocast(past.device.type, enabled=False):
            guess = (self._inputs(past.float()) @ self.weight + self.bias) @ self.basis.T
        return guess.view(len(past), *past.shape[2:])

    def sample(self, past: Tensor, generator: Randomness) -> Tensor:
        """The guess and a draw of what it leaves: within the components by their covariance, outside value by value."""
        rank, values = len(self.spread), len(self.outside)
        noise = normal((len(past), rank + values), generator, past)
        with torch.autocast(past.device.type, enabled=False):
            left = (noise[:, :rank] @ self.spread) @ self.basis.T + noise[:, rank:] * self.outside
        return self(past) + left.view(len(past), *past.shape[2:])

    def _inputs(self, past: Tensor) -> Tensor:
        return (past[:, -self.lags :].flatten(2) @ self.basis).flatten(1)

    @torch.no_grad()
    def fit(self, first: Windows, again: Windows) -> None:
        """Fits the basis on the windows of `first` and the regression on those of `again`.

        Raises:
            LamoError: there is no window.
        """
        steps = [past[:, -1].flatten(1) for past, _ in first]
        if not steps:
            raise LamoError("the linear guess is fitted on training windows, found none")
        self.basis.copy_(_principal_components(torch.cat(steps), self.basis.shape[1]))
        columns, rank = len(self.weight) + 1, len(self.bias)
        folds = [NormalEquations(columns, rank, self.basis.device) for _ in range(FOLDS)]
        outside = torch.zeros(len(self.basis), dtype=torch.float64, device=self.basis.device)
        for past, target in again:
            inputs = torch.nn.functional.pad(self._inputs(past), (0, 1), value=1.0)
            wanted = target.flatten(1) @ self.basis
            outside += (target.flatten(1) - wanted @ self.basis.T).square().sum(0).double()
            # Of neighbouring windows, so that a fold's clips are hardly in the others.
            for fold, x, y in zip(folds, inputs.tensor_split(FOLDS), wanted.tensor_split(FOLDS), strict=True):
                fold.add(x, y)
        whole = sum(folds, NormalEquations(columns, rank, self.basis.device))
        found = whole.solve(self.ridge * whole.rows)
        self.weight.copy_(found[:-1])
        self.bias.copy_(found[-1])
        if min(fold.rows for fold in folds) == 0:
            return  # too few windows to hold some out: nothing is known of what the guess leaves
        left = []
        for fold in folds:
            others = whole - fold
            left.append(fold.residual_products(others.solve(self.ridge * others.rows)))
        self.spread.copy_(_root(torch.stack(left).sum(0) / whole.rows))
        self.outside.copy_((outside / whole.rows).sqrt())


def _root(covariance: Tensor) -> Tensor:
    """Symmetric S with S S = covariance; what rounding left below zero is zero."""
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def _principal_components(rows: Tensor, rank: int) -> Tensor:
    """Directions of largest variance of `rows` [n, N], [N, rank]; zeros beyond what n rows can tell."""
    centred = (rows - rows.mean(0)).double()
    wide = centred.shape[1] > len(centred)
    values, vectors = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    values, vectors = values.flip(0), vectors.flip(1)
    kept = values > values[0].clamp_min(1e-30) * 1e-9
    if wide:
        vectors = centred.T @ vectors[:, kept] / values[kept].sqrt()
        kept = kept[kept]
    found = vectors[:, : len(kept)][:, kept][:, :rank]
    return torch.nn.functional.pad(found, (0, rank - found.shape[1])).to(rows.dtype)
