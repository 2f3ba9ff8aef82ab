"""Collapse: an encoder that no longer tells frames apart, which a loss of features alone rewards."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.state import State

# Samples that the spread is taken over, at most and at least.
SAMPLES = 64
ENOUGH = 4
# A training stops below this spread. Untrained encoders have 0.5 to 0.6; at 0 all frames look alike to the encoder.
LEAST_SPREAD = 0.05


def feature_spread(levels: State) -> Tensor:
    """Root mean square deviation over the samples of standardised features [B, N, D], at the level where it is least.

    Such features have mean square 1, so this is between 0, where all samples are alike, and 1.
    """
    spreads = [level.float().var(dim=0, correction=0).mean().sqrt() for level in levels]
    return torch.stack(spreads).min()


def refuse_collapse(step: int, values: Mapping[str, float]) -> None:
    """Raise `LamoError` if the logged `feature_spread` is below `LEAST_SPREAD`."""
    spread = values.get("feature_spread", LEAST_SPREAD)
    if spread < LEAST_SPREAD:
        raise LamoError(
            f"training step {step}: feature_spread is {spread:.2g}, expected at least {LEAST_SPREAD:g}: the encoder no "
            "longer tells frames apart; lower midway.training.learning_rate, raise midway.training.batch, or take "
            "midway.form: compact, whose encoder is pre-trained"
        )
