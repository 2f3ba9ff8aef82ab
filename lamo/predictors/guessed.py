"""What predictors of motion and of states share: a backbone, a head, and the anchor that the head starts from."""

from abc import abstractmethod
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor, nn

from lamo.errors import LamoError
from lamo.predictors.backbone import Features
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.predictors.linear_guess import LinearAnchor
from lamo.predictors.randomness import corrupt

Anchor = Literal["none", "last", "linear"]


class Head(Protocol):
    """A distribution of motion tokens [B, L, M, D_m] or states [B, P, D_z] given the features of the context."""

    def loss(self, features: Features, target: Tensor, generator: Generator) -> Tensor: ...

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor: ...


class AnchoredPredictor(Predictor):
    """The head models the target minus the anchor: nothing, the last observed value (`last`) or a linear guess
    (`linear`), both *of the context it is given*, noise included, so that training and rollout see the same thing."""

    def __init__(
        self, backbone: nn.Module, head: Head, context_noise_max: float, anchor: Anchor, linear: LinearAnchor | None
    ) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.context_noise_max, self.anchor = context_noise_max, anchor
        self.linear = linear

    @abstractmethod
    def read(self, context: Context) -> Context:
        """What of the context the backbone reads; only that is corrupted in training."""

    @abstractmethod
    def past(self, context: Context) -> Tensor:
        """The observed values of what is predicted, oldest first: [B, T, ...]."""

    def guess(self, context: Context) -> Tensor | float:
        if self.linear is not None:
            return self.linear(self.past(context))
        return self.past(context)[:, -1] if self.anchor == "last" else 0.0

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        context = self.read(context)
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        return self.head.loss(self.backbone(context), target - self.guess(context), generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.predictor != self.name:
            raise LamoError(f"sampler {sampler.name} does not belong to predictor {self.name}")
        if sampler.with_head:
            return self.head.sample(self.backbone(context), sampler, generator) + self.guess(context)
        if self.anchor not in sampler.anchors:
            raise LamoError(
                f"sampler {sampler.name}: predictors.{self.name}.anchor is {self.anchor!r}, expected "
                f"{' or '.join(map(repr, sampler.anchors))}; leave the sampler out of rollouts.samplers"
            )
        if self.linear is not None and not sampler.deterministic:
            return self.linear.sample(self.past(context), generator)
        return torch.as_tensor(self.guess(context))
