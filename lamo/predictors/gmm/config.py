"""Settings of the Gaussian-mixture predictor of motion tokens."""

from pydantic import Field

from lamo.predictors.config import GuessConfig


class GmmConfig(GuessConfig):
    """Gaussian-mixture head on motion tokens (paper 4.4.2)."""

    components: int = Field(3, ge=1, le=64, description="mixture components M; the paper: 3")
    entropy_weight: float = Field(
        0.1,
        ge=0,
        description="weight lambda of the entropy of the mixture weights in eq. 13, in nats; the paper is silent",
    )
