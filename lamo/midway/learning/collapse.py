"""Collapse: an encoder that tells frames no longer apart, which a loss of features alone rewards."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.state import State

# Samples that the spread is taken over at most, and those that it takes at least.
SAMPLES, ENOUGH = 64, 4


def feature_spread(levels: State) -> Tensor:
    """Root mean square deviation over the samples of standardised features [B, N, D], at the level where it is least.

    Such features have mean square 1, so this is between 0, where all samples are alike, and 1.
    """
    spreads = [level.float().var(dim=0, correction=0).mean().sqrt() for level in levels]
    return torch.stack(spreads).min()


def refuse_collapse(step: int, values: Mapping[str, float], least: float) -> None:
    """Raise `LamoError` if the logged `feature_spread` is below `least`."""
    spread = values.get("feature_spread", least)
    if spread < least:
        raise LamoError(
            f"training step {step}: feature_spread is {spread:.2g}, expected at least {least:g} "
            "(midway.training.collapse_spread): the encoder no longer tells frames apart; raise "
            "midway.training.dino.weight, lower the learning rate, or set collapse_spread: 0 to go on regardless"
        )
