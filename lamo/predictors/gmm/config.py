"""Settings of the Gaussian-mixture predictor of motion tokens."""

from pydantic import Field, model_validator

from lamo.predictors.config import GuessConfig, PredictorTraining


class GmmConfig(GuessConfig):
    """Gaussian-mixture head on motion tokens (paper 4.4.2)."""

    components: int = Field(3, ge=1, le=64, description="mixture components M; the paper: 3")
    log_sigma_min: float = Field(-4.0, description="lower bound of log sigma, normalised units")
    log_sigma_max: float = Field(1.0, description="upper bound of log sigma, normalised units")
    entropy_weight: float = Field(
        0.1,
        ge=0,
        description="weight lambda of the entropy of the mixture weights in eq. 13, in nats; the paper is silent",
    )
    training: PredictorTraining = Field(PredictorTraining(steps=500), description="training of this predictor")

    @model_validator(mode="after")
    def _ordered(self) -> "GmmConfig":
        if self.log_sigma_min >= self.log_sigma_max:
            raise ValueError(
                f"log_sigma_min is {self.log_sigma_min}, log_sigma_max is {self.log_sigma_max}; "
                "the minimum must be below the maximum"
            )
        return self
