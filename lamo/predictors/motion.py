"""What the predictors of motion tokens p(m_t | m_{t-K..t-1}, z_t) (paper eq. 7) share; each has a head of its own."""

from typing import Literal

from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import FlowConfig, GmmConfig
from lamo.predictors.guessed import AnchoredPredictor, Head
from lamo.predictors.interface import Context
from lamo.predictors.linear_guess import LinearAnchor


class MotionPredictor(AnchoredPredictor):
    """Predictor of the next motion tokens; see `Predictor` for the shapes. A linear anchor reads the last tokens."""

    predicts = "motion"

    def __init__(
        self, name: Literal["flow", "gmm"], backbone: MotionBackbone, head: Head, config: FlowConfig | GmmConfig
    ) -> None:
        shape = backbone.geometry
        if config.anchor != "none" and shape.history == 0:
            raise LamoError(
                f"anchor is {config.anchor!r} with a history of 0 motion tokens; expected a history of at least 1"
            )
        tokens = (shape.levels, shape.tokens, shape.motion_width)
        linear = None
        if config.anchor == "linear":
            linear = LinearAnchor(tokens, lags=1, ridge=config.anchor_ridge)
        super().__init__(backbone, head, config.training.context_noise_max, config.anchor, linear)
        self.name = name

    def read(self, context: Context) -> Context:
        """The history and the current state."""
        return Context(context.motion, context.states[:, -1:])

    def past(self, context: Context) -> Tensor:
        return context.motion
