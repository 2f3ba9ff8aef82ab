"""How predicted latent states compare with the true ones and with each other.

Shapes: B windows, S samples, T steps, P patches, D_z state width. States are normalised; |.| is the root mean square
over a state's P x D_z numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class LatentScores:
    """Of the samples z_s and the true states z of B windows, float32: `drift` |z_s| / |z| and `error` |z_s - z|, both
    [B, S, T]; `spread`, mean of |z_s - z_s'| over pairs of different samples, [B, T], NaN with one sample.

    Normalised states are centred, so that fading towards the mean state shows as a drift below 1.
    """

    drift: np.ndarray
    error: np.ndarray
    spread: np.ndarray


def latent_scores(samples: Sequence[Tensor], truth: Tensor) -> LatentScores:
    """Scores of S samples [B, T, P, D_z] each against the true states [B, T, P, D_z]; memory of one difference at a
    time."""
    norm = _norm(truth).clamp_min(1e-12)
    pairs = [_norm(one - other) for one, other in combinations(samples, 2)]
    return LatentScores(
        _array(torch.stack([_norm(one) / norm for one in samples], dim=1)),
        _array(torch.stack([_norm(one - truth) for one in samples], dim=1)),
        _array(torch.stack(pairs).mean(dim=0) if pairs else torch.full_like(norm, torch.nan)),
    )


def no_latent_scores(windows: int, samples: int, steps: int) -> LatentScores:
    """NaN throughout: of a method without latent state."""
    missing = np.full((windows, samples, steps), np.nan, dtype=np.float32)
    return LatentScores(missing, missing, missing[:, 0])


def _norm(states: Tensor) -> Tensor:
    return states.float().square().mean((2, 3)).sqrt()


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy().astype(np.float32)
