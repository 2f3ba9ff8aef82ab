"""Settings of the state baseline."""

from typing import Literal

from pydantic import Field

from lamo.predictors.config import GuessConfig


class StateConfig(GuessConfig):
    """Flow-matching head on latent states: the baseline (paper 4.5)."""

    blocks: int = Field(3, ge=1, description="residual AdaLN blocks of the head; the paper: 3, as the flow predictor")
    width: int = Field(
        128,
        ge=1,
        description="width of the head; raised to the width of a state token if smaller, because a narrower head "
        "cannot carry the noise that its target contains",
    )
    coupling: Literal["none", "attention"] = Field(
        "none",
        description="none: each patch of a state is sampled by itself given the context (the paper); attention: the "
        "head's blocks alternate with attention among the patches",
    )
