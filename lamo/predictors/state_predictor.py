"""The state baseline p(z_{t+1} | z_{t-K..t}) (paper 4.5, eq. 14): same transformer, same flow head, denser target."""

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import StateBackbone
from lamo.predictors.config import BackboneConfig, StateConfig
from lamo.predictors.flow_head import FlowHead
from lamo.predictors.interface import Context, Geometry, Predictor, Randomness, Sampler
from lamo.predictors.linear_anchor import LinearAnchor
from lamo.predictors.randomness import corrupt


class StateBaseline(Predictor):
    """Predictor of the next latent state from a window of latent states; it never sees a motion token.

    The head models z_{t+1} minus the anchor: nothing, the last state (`last`), or that with a linear guess of its
    change from the last two states (`linear`), of the context that it is given, noise included.
    """

    name = "state"
    predicts = "state"

    def __init__(self, backbone: StateBackbone, head: FlowHead, config: StateConfig) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.context_noise_max, self.anchor = config.training.context_noise_max, config.anchor
        if config.anchor == "linear":
            shape = backbone.geometry
            lags = min(2, shape.history + 1)
            self.linear = LinearAnchor((shape.patches, shape.state_width), lags, True, config.anchor_ridge)

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
            return self.linear(context.states)
        return context.states[:, -1] if self.anchor == "last" else 0.0

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        context = Context(context.motion[:, :0], context.states)
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        return self.head.loss(self.backbone(context), target - self.guess(context), generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.predictor != self.name:
            raise LamoError(f"sampler {sampler.name} does not belong to predictor state")
        if sampler.anchor_alone:
            return self._anchor_alone(context)
        return self.head.sample(self.backbone(context), sampler, generator) + self.guess(context)


def build(geometry: Geometry, backbone: BackboneConfig, config: StateConfig) -> StateBaseline:
    """State baseline with the backbone configuration of the motion predictors."""
    heads = backbone.heads if config.coupling == "attention" else 0
    head = FlowHead(geometry.state_width, backbone.width, config.width, config.blocks, heads)
    return StateBaseline(StateBackbone(geometry, backbone), head, config)
