"""What every predictor is given and what it gives back.

Shapes: B batch, K history, L motion levels, M motion tokens per level, D_m motion width, P patches, D_z state width.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from lamo.predictors.sampler import Sampler

__all__ = ["Context", "Geometry", "Predictor", "Randomness", "Sampler"]

# One generator for the whole batch, or one per row: then a row's sample does not depend on the rows beside it.
Randomness = Generator | Sequence[Generator]


@dataclass(frozen=True)
class Geometry:
    """Sizes of motion tokens and latent states.

    Attributes:
        history: motion tokens in the context, K.
        levels: motion levels, L.
        tokens: motion tokens per level, M.
        motion_width: width of a motion token, D_m.
        grid: patch rows and columns (h, w) of the latent state; P = h * w.
        state_width: width of a state token, D_z.
    """

    history: int
    levels: int
    tokens: int
    motion_width: int
    grid: tuple[int, int]
    state_width: int

    @property
    def patches(self) -> int:
        """P."""
        return self.grid[0] * self.grid[1]

    @property
    def slots(self) -> int:
        """Motion tokens of one time step, L * M."""
        return self.levels * self.tokens


@dataclass(frozen=True)
class Context:
    """What a predictor may look at, normalised by `Statistics`.

    Attributes:
        motion: m_{t-K..t-1}, [B, K, L, M, D_m], oldest first.
        states: z_{t-K..t}, [B, K+1, P, D_z], oldest first; predictors of motion read the last one only.
        place: where in 0..1 a window lies among the training windows, [B]; None of others.
    """

    motion: Tensor
    states: Tensor
    place: Tensor | None = None


class Predictor(nn.Module, ABC):
    """p(m_t | context) or, for the state baseline, p(z_{t+1} | context), in normalised units."""

    predicts: Literal["motion", "state"]

    def __init__(self, geometry: Geometry) -> None:
        """`geometry`: the sizes that it was built for; a rollout gives it a context of that history."""
        super().__init__()
        self.geometry = geometry

    @abstractmethod
    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        """Training loss, a scalar; in training mode the context is corrupted first (eq. 9).

        Args:
            context: clean context of B windows.
            target: m_t [B, L, M, D_m] or z_{t+1} [B, P, D_z].
            generator: the only source of randomness.
        """

    def guess(self, context: Context) -> Tensor | float:
        """What the head models the difference from, of the shape of a sample; 0 if there is no such guess."""
        return 0.0

    @abstractmethod
    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        """Draws one m_t [B, L, M, D_m] or z_{t+1} [B, P, D_z] per window.

        Raises:
            LamoError: the sampler is not one of this predictor's.
        """

    def log_density(self, context: Context, target: Tensor, sampler: Sampler, generator: Randomness) -> Tensor:
        """log p(target | context) of what `sampler` draws from, in nats, [B].

        NaN where there is none, as of a sampler without chance, or where it is not known, which is the default.

        Args:
            target: m_t [B, L, M, D_m] or z_{t+1} [B, P, D_z].
            generator: the source of randomness of an estimate.
        """
        return torch.full((len(target),), torch.nan, device=target.device)
