"""What the predictors of motion tokens p(m_t | m_{t-K..t-1}, z_t) (paper eq. 7) share; each has a head of its own."""

from typing import Protocol

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import Features, MotionBackbone
from lamo.predictors.config import FlowConfig, GmmConfig
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.predictors.linear_anchor import LinearAnchor
from lamo.predictors.randomness import corrupt


class Head(Protocol):
    """A distribution of motion tokens [B, L, M, D_m] given the features of the context."""

    def loss(self, features: Features, target: Tensor, generator: Generator) -> Tensor: ...

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor: ...


class MotionPredictor(Predictor):
    """Predictor of the next motion tokens; see `Predictor` for the shapes.

    The head models m_t minus the anchor: nothing, the last motion token (`last`) or a linear guess from it (`linear`),
    both *of the context it is given*, noise included, so that training and rollout see the same thing.
    """

    predicts = "motion"

    def __init__(self, name: str, backbone: MotionBackbone, head: Head, config: FlowConfig | GmmConfig) -> None:
        super().__init__()
        anchor = config.anchor
        shape = backbone.geometry
        if anchor != "none" and shape.history == 0:
            raise LamoError(f"anchor is {anchor!r} with a history of 0 motion tokens; expected a history of at least 1")
        self.name, self.backbone, self.head = name, backbone, head
        self.context_noise_max, self.anchor = config.training.context_noise_max, anchor
        if anchor == "linear":
            tokens = (shape.levels, shape.tokens, shape.motion_width)
            self.linear = LinearAnchor(tokens, lags=1, difference=False, ridge=config.anchor_ridge)

    def _anchor_alone(self, context: Context) -> Tensor:
        guess = self.guess(context)
        if not isinstance(guess, Tensor):
            raise LamoError(
                f"sampler {self.name}-anchor: predictors.{self.name}.anchor is 'none', expected 'last' or 'linear'; "
                "leave the sampler out of rollouts.samplers"
            )
        return guess

    def guess(self, context: Context) -> Tensor | float:
        if self.anchor == "linear":
            return self.linear(context.motion)
        return context.motion[:, -1] if self.anchor == "last" else 0.0

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        # Only the current state is read, so only it is corrupted.
        context = Context(context.motion, context.states[:, -1:])
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        return self.head.loss(self.backbone(context), target - self.guess(context), generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.predictor != self.name:
            raise LamoError(f"sampler {sampler.name} does not belong to predictor {self.name}")
        if sampler.anchor_alone:
            return self._anchor_alone(context)
        return self.head.sample(self.backbone(context), sampler, generator) + self.guess(context)
