"""The state baseline p(z_{t+1} | z_{t-K..t}) (paper 4.5, eq. 14): same transformer, same flow head, denser target."""

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import StateBackbone
from lamo.predictors.config import BackboneConfig, StateConfig
from lamo.predictors.flow_head import FlowHead
from lamo.predictors.interface import Context, Geometry, Predictor, Randomness, Sampler
from lamo.predictors.randomness import corrupt


class StateBaseline(Predictor):
    """Predictor of the next latent state from a window of latent states; it never sees a motion token.

    With anchor "last" the head models z_{t+1} minus the last state of the context it is given, noise included.
    """

    name = "state"
    predicts = "state"

    def __init__(self, backbone: StateBackbone, head: FlowHead, context_noise_max: float, anchor: str) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.context_noise_max, self.anchor = context_noise_max, anchor

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        context = Context(context.motion[:, :0], context.states)
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        if self.anchor == "last":
            target = target - context.states[:, -1]
        return self.head.loss(self.backbone(context), target, generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.kind != "state":
            raise LamoError(f"sampler {sampler.name} does not belong to predictor state")
        state = self.head.sample(self.backbone(context), sampler, generator)
        return state + context.states[:, -1] if self.anchor == "last" else state


def build(geometry: Geometry, backbone: BackboneConfig, config: StateConfig) -> StateBaseline:
    """State baseline with the backbone configuration of the motion predictors."""
    head = FlowHead(geometry.state_width, backbone.width, config.width, config.blocks)
    return StateBaseline(StateBackbone(geometry, backbone), head, config.training.context_noise_max, config.anchor)
