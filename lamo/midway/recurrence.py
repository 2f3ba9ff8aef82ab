"""The way back onto the manifold of true states after a forward prediction.

Every level of a true state is an output of the encoder's one final LayerNorm: x w + b of a standardised x, which has
mean 0 and mean square 1. What a forward model returns need not be one; these functions make one of it.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.midway.encoder import Encoder

Projection = Literal["none", "norm", "scale"]


def standardise(features: Tensor, norm: nn.LayerNorm) -> Tensor:
    """What `norm` has before its affine part, of its outputs `features` [..., D]; LayerNorm makes sure of it."""
    return F.layer_norm((features.float() - norm.bias) / _weight(norm), norm.normalized_shape, eps=norm.eps)


def project(features: Tensor, norm: nn.LayerNorm, projection: Projection) -> Tensor:
    """Predictions [..., D] back onto the outputs of `norm`; these themselves stay as they are.

    none: nothing is done. norm: the affine part undone, normalised, redone. scale: before that the prediction is
    multiplied by `true_scale`, so that predictions which differ by a positive factor, as the cosine loss leaves it
    open, become the same.
    """
    if projection == "none":
        return features
    if projection == "scale":
        features = features.float() * true_scale(features, norm)
    return standardise(features, norm) * norm.weight + norm.bias


def true_scale(features: Tensor, norm: nn.LayerNorm) -> Tensor:
    """The factor a > 0 [..., 1] that gives x = (a p - b) / w of predictions p [..., D] mean square 1, as x of true
    features has it: a root of <u^2> a^2 - 2 <u v> a + <v^2> - 1 = 0 with u = p / w and v = b / w.

    Of two positive roots the larger is taken: for true features that is 1 unless <x v> < -1. Where no real root exists,
    the a whose mean square is nearest to 1; where none is positive the scale stays open and a is 1, as in `norm`.
    """
    u, v = features.float() / _weight(norm), norm.bias / _weight(norm)
    square = u.square().mean(-1, keepdim=True).clamp_min(1e-12)
    mixed = (u * v).mean(-1, keepdim=True)
    discriminant = mixed.square() - square * (v.square().mean() - 1.0)
    factor = (mixed + discriminant.clamp_min(1e-12).sqrt()) / square
    return torch.where(factor > 0, factor, 1.0)


def upper_levels(encoder: Encoder, stream: Tensor) -> list[Tensor]:
    """The levels above the finest [B, 1 + P, D], from the token stream that the finest was taken of."""
    first, *upper = encoder.config.levels
    levels = []
    for index, block in enumerate(encoder.blocks[first + 1 :], start=first + 1):
        stream = block(stream)
        if index in upper:
            levels.append(encoder.norm(stream))
    return levels


def _weight(norm: nn.LayerNorm) -> Tensor:
    """Weights to divide by: channels that the norm all but switches off (below 0.001) are not blown up."""
    return torch.where(norm.weight.abs() < 1e-3, 1e-3, norm.weight)
