"""The state baseline p(z_{t+1} | z_{t-K..t}) (paper 4.5, eq. 14): same transformer, same flow head, denser target."""

from dataclasses import replace

from torch import Tensor

from lamo.predictors.backbone import StateBackbone
from lamo.predictors.config import BackboneConfig
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.head_predictor import HeadPredictor
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.linear_guess import LinearGuess
from lamo.predictors.state.config import StateConfig


class StateBaseline(HeadPredictor):
    """Predictor of the next latent state from a window of latent states; it never sees a motion token.

    A linear guess is made from the last two states.
    """

    predicts = "state"

    def __init__(self, backbone: StateBackbone, head: FlowHead, settings: StateConfig) -> None:
        shape = backbone.geometry
        lags = min(2, shape.history + 1)
        linear = None
        if settings.guess != "none":
            linear = LinearGuess((shape.patches, shape.state_width), lags, ridge=settings.guess_ridge)
        super().__init__(backbone, head, settings, linear)

    def read(self, context: Context) -> Context:
        """The states."""
        return replace(context, motion=context.motion[:, :0])

    def past(self, context: Context) -> Tensor:
        return context.states


def build(geometry: Geometry, backbone: BackboneConfig, settings: StateConfig) -> StateBaseline:
    """State baseline with the same transformer as the motion predictors."""
    heads = backbone.heads if settings.coupling == "attention" else 0
    head = FlowHead(
        geometry.state_width, backbone.width, settings.width, settings.blocks, heads, white=settings.guess == "whitened"
    )
    return StateBaseline(StateBackbone(geometry, backbone), head, settings)
