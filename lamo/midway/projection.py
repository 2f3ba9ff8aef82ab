"""The way back onto the manifold of true states after a forward prediction.

Every level of a true state is an output of the encoder's one final LayerNorm: x w + b of a standardised x, which has
mean 0 and mean square 1. What a forward model returns need not be one; `project` makes it one. Without it the state of
a rollout leaves the manifold at the first step (docs/recurrence.md).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Channels that the norm all but switches off are divided by this, so that they are not blown up.
LEAST_WEIGHT = 1e-3


def standardise(features: Tensor, norm: nn.LayerNorm) -> Tensor:
    """The x of features x w + b [..., D] of `norm`. It is normalised again, so that predictions give such an x too."""
    weight = torch.where(norm.weight.abs() < LEAST_WEIGHT, LEAST_WEIGHT, norm.weight)
    return F.layer_norm((features.float() - norm.bias) / weight, norm.normalized_shape, eps=norm.eps)


def project(features: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Predictions [..., D] as outputs of `norm`: its affine part undone, the rest normalised, the affine part redone.

    Outputs of `norm` stay as they are.
    """
    return standardise(features, norm) * norm.weight + norm.bias
