"""Coordinates in which what a linear guess leaves is white.

One change of speed moves all motion tokens together, and a head that samples every token by itself averages it away.
So a head models y = W (m - g) with W = Sigma^(-1/2) instead, where Sigma is the covariance of what the guess g leaves:
independent noise in y is noise with the right covariance in m.

Shapes: B windows, N values of a step (all tokens and channels), R directions.
"""

import math

import torch
from torch import Tensor, nn

from lamo.errors import LamoError

FLOOR = 1e-3
"""Smallest eigenvalue of Sigma against the largest, and smallest variance outside the components against the mean one.
Measured with 1,440 values on 12,000 windows: of 0, 1e-3, 3e-3 and 1e-2 it has the best held-out likelihood."""

COMMON = 0.4
"""Share of the variance in directions that are motion. Measured once on a third-party simulator's footage, with noise
of the residual's covariance on true tokens: in the 50 of 1,440 directions that hold it, it changes frames little
(kernel distance of ImageNet features 436 and 484, without noise 417), in the next 650 it makes streaks (555 and 566).
"""

NOTHING = 1e-6
"""Largest mean variance that may be rounding of float32 alone, where values have variance 1."""


class Whitening(nn.Module):
    """W = (I + U (D^-1 - I) U') S^-1 and its inverse, with W Sigma W' = I.

    S is diagonal and U has orthonormal columns. If all N directions are known, S = I and W is the symmetric root of
    Sigma^-1. It moves as little as any whitening can, so a token of y still belongs to that token of m. If Sigma is
    known as V C V' + S^2 with R < N directions, which is all that memory allows for a latent state, S scales each value
    and the symmetric root is taken of what remains; it costs 4 N R operations a window.

    Attributes:
        scale: diagonal of S, [N].
        directions: U, [N, R].
        deviations: diagonal of D, [R].
    """

    scale: Tensor
    directions: Tensor
    deviations: Tensor

    def __init__(self, values: int, rank: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(values))
        self.register_buffer("directions", torch.zeros(values, rank))
        self.register_buffer("deviations", torch.ones(rank))

    @torch.no_grad()
    def fit(self, basis: Tensor, covariance: Tensor, outside: Tensor) -> None:
        """Take Sigma = V C V' + diag(v).

        Args:
            basis: V, orthonormal columns or zeros, [N, R].
            covariance: C, [R, R].
            outside: v, variance of each value outside the components, [N].

        Raises:
            LamoError: Sigma is zero but for rounding, or not finite.
        """
        basis, covariance, outside = basis.double(), covariance.double(), outside.double().clamp_min(0)
        mean = float((covariance.diagonal().sum() + outside.sum()) / len(outside))
        if not NOTHING < mean < math.inf:
            raise LamoError(
                f"what the linear guess leaves has the mean variance {mean:.1g}, expected a number above {NOTHING:g}; "
                "do the motion tokens or states change at all? Give more videos, or set guess: none in the "
                "predictor's entry"
            )
        scale, values, vectors = (_full if basis.shape[0] == basis.shape[1] else _factored)(basis, covariance, outside)
        self.scale.copy_(scale)
        self.directions.copy_(vectors)
        self.deviations.copy_(values.sqrt())

    def whiten(self, left: Tensor) -> Tensor:
        """y = W left, [B, ...]."""
        # In float32 also under autocast: rounding would be multiplied by the deviations.
        with torch.autocast(left.device.type, enabled=False):
            return self._stretch(left.float().flatten(1) / self.scale, 1 / self.deviations).view(left.shape)

    def colour(self, white: Tensor, detail: float = 1.0) -> Tensor:
        """W^-1 white, the inverse of `whiten`, [B, ...]: what has unit covariance gets the covariance Sigma.

        All but what lies in the `common` directions is scaled by `detail` first.
        """
        with torch.autocast(white.device.type, enabled=False):
            x = white.float().flatten(1)
            if detail != 1:
                x = detail * x + (1 - detail) * ((x @ self.directions) * self.common()) @ self.directions.T
            return (self._stretch(x, self.deviations) * self.scale).view(white.shape)

    def common(self) -> Tensor:
        """1 for the fewest directions that hold `COMMON` of the variance of all values, or for all if they hold less,
        else 0: [R].

        They are how the values move together. The others carry appearance that no context foretells.
        """
        variances = self.deviations.square() * (self.directions.T * self.scale).square().sum(1)
        falling, order = variances.sort(descending=True)
        before = falling.cumsum(0) - falling
        # As numbers: a choice of columns would have a size that is known only once it is computed.
        kept = (before < COMMON * len(self.scale) * self.mean_variance()).float()
        return torch.zeros_like(kept).scatter(0, order, kept)

    def mean_variance(self) -> Tensor:
        """Mean of the diagonal of Sigma."""
        inside = (self.deviations.square() - 1) * (self.directions.T * self.scale).square().sum(1)
        return (self.scale.square().sum() + inside.sum()) / len(self.scale)

    def log_det(self) -> Tensor:
        """log |det W|, by which log-densities of y become those of m: log p(m) = log p(y) + log |det W|."""
        return -(self.scale.log().sum() + self.deviations.log().sum())

    def log_density(self, left: Tensor) -> Tensor:
        """log N(left; 0, Sigma) in nats, [B]."""
        white = self.whiten(left).flatten(1)
        return self.log_det() - 0.5 * (white.square().sum(1) + white.shape[1] * math.log(2 * math.pi))

    def _stretch(self, x: Tensor, factors: Tensor) -> Tensor:
        """x with its part along each direction multiplied by a factor, [B, N]."""
        return x + ((x @ self.directions) * (factors - 1)) @ self.directions.T


def _full(basis: Tensor, covariance: Tensor, outside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale, eigenvalues and eigenvectors of Sigma with N directions."""
    values, vectors = _eigen(basis @ covariance @ basis.T + outside.diag())
    return torch.ones_like(outside), values.clamp_min(FLOOR * float(values[-1])), vectors


def _factored(basis: Tensor, covariance: Tensor, outside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale S, and eigenvalues and eigenvectors of S^-1 Sigma S^-1 that differ from 1."""
    scale = outside.clamp_min(FLOOR * float((covariance.diagonal().sum() + outside.sum()) / len(outside))).sqrt()
    orthonormal, triangular = torch.linalg.qr(basis / scale[:, None])
    values, vectors = _eigen(triangular @ covariance @ triangular.T)
    return scale, 1 + values.clamp_min(0), orthonormal @ vectors


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return values, vectors
