"""What the predictors of motion tokens p(m_t | m_{t-K..t-1}, z_t) (paper eq. 7) share; each has a head of its own."""

from dataclasses import replace

from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import GuessConfig
from lamo.predictors.head_predictor import Head, HeadPredictor
from lamo.predictors.interface import Context
from lamo.predictors.linear_guess import LinearGuess


class MotionPredictor(HeadPredictor):
    """Predictor of the next motion tokens; see `Predictor` for the shapes.

    A linear guess is made from the last tokens.

    Raises:
        LamoError: there is to be a guess, but no token is observed.
    """

    predicts = "motion"

    def __init__(self, backbone: MotionBackbone, head: Head, settings: GuessConfig) -> None:
        shape = backbone.geometry
        tokens = (shape.levels, shape.tokens, shape.motion_width)
        linear = None
        if settings.guess != "none":
            if shape.history == 0:
                raise LamoError(
                    f"guess is {settings.guess!r} with a history of 0 motion tokens; expected at least 1, or 'none'"
                )
            linear = LinearGuess(tokens, lags=1, ridge=settings.guess_ridge)
        super().__init__(backbone, head, settings, linear)

    def read(self, context: Context) -> Context:
        """The history and the current state."""
        return replace(context, states=context.states[:, -1:])

    def past(self, context: Context) -> Tensor:
        return context.motion
