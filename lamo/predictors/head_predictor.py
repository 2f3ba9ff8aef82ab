"""A predictor made of three parts: a backbone reads the context, a linear guess starts, a head models what is left."""

from abc import abstractmethod
from typing import Protocol

import torch
from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import Features, MotionBackbone, StateBackbone
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.predictors.linear_guess import LinearGuess
from lamo.predictors.randomness import corrupt
from lamo.predictors.sampler import GuessSampler


class Head(Protocol):
    """A distribution of motion tokens [B, L, M, D_m] or states [B, P, D_z] given the features of the context."""

    def loss(self, features: Features, target: Tensor, generator: Generator) -> Tensor: ...

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor: ...


class HeadPredictor(Predictor):
    """The head models the target minus the linear guess, or the target itself where there is none.

    The guess is made from the context that the predictor is given, noise included, so that training and rollout see
    the same thing.
    """

    def __init__(
        self, backbone: MotionBackbone | StateBackbone, head: Head, context_noise_max: float, linear: LinearGuess | None
    ) -> None:
        super().__init__(backbone.geometry)
        self.backbone = backbone
        self.head = head
        self.context_noise_max = context_noise_max
        self.linear = linear

    @abstractmethod
    def read(self, context: Context) -> Context:
        """What of the context the backbone reads; only that is corrupted in training."""

    @abstractmethod
    def past(self, context: Context) -> Tensor:
        """The observed values of what is predicted, oldest first: [B, T, ...]."""

    def guess(self, context: Context) -> Tensor | float:
        return 0.0 if self.linear is None else self.linear(self.past(context))

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        context = self.read(context)
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        return self.head.loss(self.backbone(context), target - self.guess(context), generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if not isinstance(sampler, GuessSampler):
            return self.head.sample(self.backbone(context), sampler, generator) + self.guess(context)
        if self.linear is None:
            raise LamoError(
                f"sampler {sampler.label}: found a predictor without a linear guess, expected guess: linear in its "
                "entry; or leave the sampler out of the entry"
            )
        if sampler.deterministic:
            return torch.as_tensor(self.guess(context))
        return self.linear.sample(self.past(context), generator)
