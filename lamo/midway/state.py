"""The latent state as decoder and predictors see it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lamo.errors import LamoError

State = tuple[Tensor, ...]


def state_tokens(z: Sequence[Tensor], levels: Sequence[int]) -> Tensor:
    """Patch tokens of the chosen pyramid `levels`, joined along channels: [B, P, D_z] with D_z = len(levels) D.

    Raises `LamoError` if the pyramid has not these levels.
    """
    if not all(0 <= level < len(z) for level in levels):
        raise LamoError(f"latents.levels: found {list(levels)}, expected pyramid levels 0 to {len(z) - 1}")
    return torch.cat([z[level][:, 1:] for level in levels], dim=-1)
