"""A predictor made of three parts: a backbone reads the context, a linear guess starts, a head models what is left."""

from abc import abstractmethod
from typing import Protocol

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import Features, MotionBackbone, StateBackbone
from lamo.predictors.config import GuessConfig
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.predictors.linear_guess import LinearGuess
from lamo.predictors.randomness import corrupt
from lamo.predictors.sampler import GuessSampler
from lamo.predictors.whitening import Whitening


class Head(Protocol):
    """A distribution of motion tokens x [B, L, M, D_m] or states x [B, P, D_z] given the features of the context."""

    def loss(
        self, features: Features, target: Tensor, generator: Generator, whitening: Whitening | None = None
    ) -> Tensor: ...

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor: ...

    def log_density(self, features: Features, value: Tensor, sampler: Sampler, generator: Randomness) -> Tensor: ...


class HeadPredictor(Predictor):
    """The head models what the linear guess leaves of the target, or the target itself where there is none.

    If `whitened`, it models that in the coordinates of `Whitening`. The guess is made from the context that the
    predictor is given, noise included, so that training and rollout see the same thing.
    """

    def __init__(
        self, backbone: MotionBackbone | StateBackbone, head: Head, settings: GuessConfig, linear: LinearGuess | None
    ) -> None:
        super().__init__(backbone.geometry)
        self.backbone = backbone
        self.head = head
        self.context_noise_max = settings.training.context_noise_max
        self.linear = linear
        self.whitened = settings.guess == "whitened"

    @property
    def whitening(self) -> Whitening | None:
        """The coordinates that the head works in; None where these are those of the target."""
        return self.linear.residual if self.linear is not None and self.whitened else None

    @abstractmethod
    def read(self, context: Context) -> Context:
        """What of the context the backbone reads; only that is corrupted in training."""

    @abstractmethod
    def past(self, context: Context) -> Tensor:
        """The observed values of what is predicted, oldest first: [B, T, ...]."""

    def guess(self, context: Context) -> Tensor | float:
        if self.linear is None:
            return 0.0
        return self.linear(self.past(context), context.place if self.training else None)

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        context = self.read(context)
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        left = target - self.guess(context)
        if self.whitening:
            left = self.whitening.whiten(left)
        return self.head.loss(self.backbone(context), left, generator, self.whitening)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if isinstance(sampler, GuessSampler):
            linear = self._linear_of(sampler)
            past = self.past(context)
            return linear(past) if sampler.deterministic else linear.sample(past, generator, sampler.detail)
        if sampler.detail != 1 and not self.whitening:
            raise LamoError(
                f"sampler {sampler.label}: found a predictor that is not whitened, expected guess: whitened in its "
                "entry; or leave -detail out of the sampler's name"
            )
        left = self.head.sample(self.backbone(context), sampler, generator)
        if self.whitening:
            left = self.whitening.colour(left, sampler.detail)
        return left + self.guess(context)

    def log_density(self, context: Context, target: Tensor, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.deterministic or sampler.detail != 1:
            return super().log_density(context, target, sampler, generator)
        if isinstance(sampler, GuessSampler):
            return self._linear_of(sampler).log_density(self.past(context), target)
        context = self.read(context)
        left = target - self.guess(context)
        if not self.whitening:
            return self.head.log_density(self.backbone(context), left, sampler, generator)
        white = self.whitening.whiten(left)
        return self.head.log_density(self.backbone(context), white, sampler, generator) + self.whitening.log_det()

    def _linear_of(self, sampler: Sampler) -> LinearGuess:
        if self.linear is None:
            raise LamoError(
                f"sampler {sampler.label}: found a predictor without a linear guess, expected guess: linear or "
                "whitened in its entry; or leave the sampler out of the entry"
            )
        return self.linear
