"""The state baseline p(z_{t+1} | z_{t-K..t}) (paper 4.5, eq. 14): same transformer, same flow head, denser target."""

from torch import Tensor

from lamo.predictors.backbone import StateBackbone
from lamo.predictors.config import BackboneConfig, StateConfig
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.guessed import AnchoredPredictor
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.linear_guess import LinearAnchor


class StateBaseline(AnchoredPredictor):
    """Predictor of the next latent state from a window of latent states; it never sees a motion token.

    A linear anchor guesses the state from the last two.
    """

    name = "state"
    predicts = "state"

    def __init__(self, backbone: StateBackbone, head: FlowHead, config: StateConfig) -> None:
        shape = backbone.geometry
        lags = min(2, shape.history + 1)
        linear = None
        if config.anchor == "linear":
            linear = LinearAnchor((shape.patches, shape.state_width), lags, ridge=config.anchor_ridge)
        super().__init__(backbone, head, config.training.context_noise_max, config.anchor, linear)

    def read(self, context: Context) -> Context:
        """The states."""
        return Context(context.motion[:, :0], context.states)

    def past(self, context: Context) -> Tensor:
        return context.states


def build(geometry: Geometry, backbone: BackboneConfig, config: StateConfig) -> StateBaseline:
    """State baseline with the backbone configuration of the motion predictors."""
    heads = backbone.heads if config.coupling == "attention" else 0
    head = FlowHead(geometry.state_width, backbone.width, config.width, config.blocks, heads)
    return StateBaseline(StateBackbone(geometry, backbone), head, config)
