"""Settings of the flow-matching predictor of motion tokens."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from lamo.predictors.config import BackboneConfig, GuessConfig


class FlowConfig(GuessConfig):
    """Flow-matching head on motion tokens (paper 4.4.1)."""

    blocks: int = Field(3, ge=1, description="residual AdaLN blocks of the head; the paper: 3")
    width: int = Field(128, ge=1, description="width of the head; raised to the width of a motion token if smaller")
    coupling: Literal["none", "attention"] = Field(
        "none",
        description="none: each token of a step is sampled by itself given the context (the paper); attention: the "
        "head's blocks alternate with attention among the tokens of the step, so that they can agree",
    )


def coupling_problems(coupling: str, width: int, backbone: BackboneConfig) -> Iterator[str]:
    """What a flow head whose tokens attend to each other demands of its width."""
    if coupling == "attention" and width % backbone.heads:
        yield (
            f"width: found {width} with coupling 'attention', expected a multiple of the {backbone.heads} heads of the "
            "backbone"
        )
