"""A linear guess of the next motion tokens or latent state, fitted in closed form; a head then models what is left.

With the Gaussian of what is left in place of a head it is a model of its own, a linear-Gaussian autoregression.

Which token of the past tells what of which next one is a matrix of its own for every pair of tokens. Least squares
finds these in seconds; a transformer, which shares its projections among the tokens, needs thousands of steps for them.

Shapes: B windows, T steps of the past, N values of a step (all tokens and channels), R rank, G lags.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.predictors.interface import Randomness
from lamo.predictors.randomness import normal
from lamo.predictors.whitening import Whitening
from lamo.statistics.normal_equations import NormalEquations

ALL_VALUES = 2048
"""Values of a step up to which the guess is made in all components, as far as `BASIS_WINDOWS` tell them."""
RANK = 512
"""Principal components that the guess is made in where a step has more values."""
WINDOWS = 12_000
"""Windows that it is fitted on, at most."""
BASIS_WINDOWS = 2_000
"""Those of them that the principal components are computed from."""
WINDOWS_PER_COMPONENT = 4
"""Windows that there must be for each component whose covariance with others is estimated. With fewer it would be that
of the windows at hand."""
FEWEST = 8
"""Windows that it takes at least."""
FOLDS = 8
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
        held_out: weights and bias fitted without each fold, [FOLDS, G R + 1, R]; None in a predictor that was loaded.
        residual: the covariance of what the guess leaves, Sigma. Within the components it is that of windows that were
            held out from the regression, in `FOLDS` parts; outside them each value has a variance. With few windows
            the later components are uncorrelated.
    """

    basis: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, shape: tuple[int, ...], lags: int, ridge: float) -> None:
        """`shape` of the value of a step; `ridge` per window."""
        super().__init__()
        values = math.prod(shape)
        rank = values if values <= ALL_VALUES else RANK
        self.lags, self.ridge = lags, ridge
        self.register_buffer("basis", torch.zeros(values, rank))
        self.register_buffer("weight", torch.zeros(lags * rank, rank))
        self.register_buffer("bias", torch.zeros(rank))
        # No buffer: neither saved nor copied to averages, which are never trained.
        self.held_out: Tensor | None = None
        self.residual = Whitening(values, rank)

    def forward(self, past: Tensor, place: Tensor | None = None) -> Tensor:
        """The guess [B, ...] for `past` [B, T, ...], of which the last `lags` steps are read.

        With `place` [B], where in 0..1 each window lies among the training windows, it is that of a regression on the
        other folds. A head that is trained on windows that its guess was fitted on sees less left over than a rollout
        will (measured: 0.7 of the variance), and its samples vary too little.
        """
        # In float32 also under autocast: rounding would enter what the head has to model.
        with torch.autocast(past.device.type, enabled=False):
            inputs = self._inputs(past.float())
            if place is None or self.held_out is None:
                guess = inputs @ self.weight + self.bias
            else:
                guess = torch.empty_like(inputs[:, : len(self.bias)])
                fold = (place * FOLDS).long().clamp(0, FOLDS - 1)  # 1 may come of rounding
                for number, weights in enumerate(self.held_out):
                    guess[fold == number] = inputs[fold == number] @ weights[:-1] + weights[-1]
            guess = guess @ self.basis.T
        return guess.view(len(past), *past.shape[2:])

    def sample(self, past: Tensor, generator: Randomness, detail: float = 1.0) -> Tensor:
        """The guess and a draw of what it leaves, N(0, Sigma); its detail scaled by `detail`."""
        guess = self(past)
        return guess + self.residual.colour(normal(tuple(guess.shape), generator, past), detail)

    def log_density(self, past: Tensor, target: Tensor) -> Tensor:
        """log N(target; guess, Sigma) in nats, [B]."""
        return self.residual.log_density(target - self(past))

    def _inputs(self, past: Tensor) -> Tensor:
        return (past[:, -self.lags :].flatten(2) @ self.basis).flatten(1)

    @torch.no_grad()
    def fit(self, read: Callable[[int], Windows], count: int) -> None:
        """Fits basis, regression and covariance on training windows.

        Args:
            read: gives so many of the windows, spread evenly over all clips and in their order.
            count: how many there are.

        Raises:
            LamoError: there are fewer than 8 windows, or nothing in them changes.
        """
        if count < FEWEST:
            raise LamoError(
                f"the linear guess is fitted on training windows: found {count}, expected at least {FEWEST}; give more "
                "or longer videos, or set guess: none in the predictor's entry"
            )
        count = min(count, WINDOWS)
        steps = torch.cat([past[:, -1].flatten(1) for past, _ in read(min(count, BASIS_WINDOWS))])
        self.basis.copy_(_principal_components(steps, self.basis.shape[1]))
        folds, outside = self._sums(read(count), count)
        whole = sum(folds[1:], folds[0])
        found = whole.solve(self.ridge * whole.rows)
        self.weight.copy_(found[:-1])
        self.bias.copy_(found[-1])
        others = [whole - fold for fold in folds]
        solved = [other.solve(self.ridge * other.rows) for other in others]
        left = [fold.residual_products(weights) for fold, weights in zip(folds, solved, strict=True)]
        self.held_out = torch.stack(solved).to(self.weight.dtype)
        covariance = torch.stack(left).sum(0) / whole.rows
        known = count // WINDOWS_PER_COMPONENT
        together, alone = covariance[:known, :known], covariance.diagonal()[known:]
        self.residual.fit(self.basis, torch.block_diag(together, alone.diag()), outside / whole.rows)

    def _sums(self, windows: Windows, count: int) -> tuple[list[NormalEquations], Tensor]:
        """What the regression needs of the windows of each fold, and the sum of the squares outside the components."""
        seen = 0
        folds = [NormalEquations(len(self.weight) + 1, len(self.bias), self.basis.device) for _ in range(FOLDS)]
        outside = torch.zeros(len(self.basis), dtype=torch.float64, device=self.basis.device)
        for past, target in windows:
            inputs = torch.nn.functional.pad(self._inputs(past), (0, 1), value=1.0)
            wanted = target.flatten(1) @ self.basis
            outside += (target.flatten(1) - wanted @ self.basis.T).square().sum(0).double()
            # Folds are stretches of the windows in their order, so that hardly any clip is in two of them.
            fold = torch.arange(seen, seen + len(past)) * FOLDS // count
            for number in fold.unique().tolist():
                folds[number].add(inputs[fold == number], wanted[fold == number])
            seen += len(past)
        return folds, outside


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
