"""What the predictors of motion tokens p(m_t | m_{t-K..t-1}, z_t) (paper eq. 7) share; each has a head of its own."""

from typing import Protocol

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import Features, MotionBackbone
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.predictors.randomness import corrupt


class Head(Protocol):
    """A distribution of motion tokens [B, L, M, D_m] given the features of the context."""

    def loss(self, features: Features, target: Tensor, generator: Generator) -> Tensor: ...

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor: ...


class MotionPredictor(Predictor):
    """Predictor of the next motion tokens; see `Predictor` for the shapes.

    With anchor "last" the head models m_t minus the last motion token *of the context it is given*, noise included, so
    that training and rollout see the same thing.
    """

    predicts = "motion"

    def __init__(self, name: str, backbone: MotionBackbone, head: Head, context_noise_max: float, anchor: str) -> None:
        super().__init__()
        if anchor == "last" and backbone.geometry.history == 0:
            raise LamoError("anchor is 'last' with a history of 0 motion tokens; expected a history of at least 1")
        self.name, self.backbone, self.head = name, backbone, head
        self.context_noise_max, self.anchor = context_noise_max, anchor

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        # Only the current state is read, so only it is corrupted.
        context = Context(context.motion, context.states[:, -1:])
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        if self.anchor == "last":
            target = target - context.motion[:, -1]
        return self.head.loss(self.backbone(context), target, generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.predictor != self.name:
            raise LamoError(f"sampler {sampler.name} does not belong to predictor {self.name}")
        motion = self.head.sample(self.backbone(context), sampler, generator)
        return motion + context.motion[:, -1] if self.anchor == "last" else motion
