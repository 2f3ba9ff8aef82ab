"""Losses of the Midway Network."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lamo.midway.state import State
from lamo.nn.share import batch_mean

Distance = Literal["cosine", "squared"]


@dataclass(frozen=True)
class MotionLoss:
    """`total`: sum over levels; `levels`: one scalar per level, finest first."""

    total: Tensor
    levels: tuple[Tensor, ...]


def token_distance(prediction: Tensor, target: Tensor, distance: Distance) -> Tensor:
    """Distance of each token [..., D] -> [...].

    cosine: 2 - 2 cos(prediction, target), the published loss; squared: mean squared difference of the features after
    LayerNorm without affine part, 2 - 2 times their correlation.
    """
    if distance == "cosine":
        return 2.0 - 2.0 * F.cosine_similarity(prediction.float(), target.float(), dim=-1)
    width = prediction.shape[-1:]
    return (F.layer_norm(prediction.float(), width) - F.layer_norm(target.float(), width)).square().mean(-1)


def change_weights(source: Tensor, target: Tensor, share: float) -> Tensor:
    """Weight of each token [B, N] by how much its feature changes from `source` to `target` [B, N, D].

    (1 - share) + share |dz|^2 / mean |dz|^2, at most 5; 1 everywhere for share 0.
    """
    change = (target - source).float().square().sum(-1)
    return ((1.0 - share) + share * change / batch_mean(change.mean()).clamp_min(1e-6)).clamp(max=5.0)


def motion_loss(
    predictions: State, source: State, target: State, distance: Distance = "cosine", change_share: float = 0.0
) -> MotionLoss:
    """Distance of the predictions from the plain teacher features of the target frame, class token included.

    `source` are teacher features of the source frame, used only to weight tokens by their change.
    """
    losses = []
    for prediction, before, after in zip(predictions, source, target, strict=False):
        distances = token_distance(prediction, after.detach(), distance)
        if change_share:
            distances = distances * change_weights(before.detach(), after.detach(), change_share)
        losses.append(distances.mean())
    return MotionLoss(total=torch.stack(losses).sum(), levels=tuple(losses))
