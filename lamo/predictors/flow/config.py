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
    shortcut_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the windows of each batch that train the head on its own smaller steps (shortcut models, "
        "Frans et al. 2024; e.g. 0.25), for the samplers 1, 2, 4 and 8; 0: off (the paper)",
    )


def share_problems(share: float, batch: int) -> Iterator[str]:
    """What the training on the head's own steps demands of the batch."""
    if share and share * batch < 1:
        yield (
            f"shortcut_share: found {share} of a training.batch of {batch}, which is not one window; expected 0 or at "
            f"least {1 / batch:g}"
        )


def coupling_problems(coupling: str, width: int, backbone: BackboneConfig) -> Iterator[str]:
    """What a flow head whose tokens attend to each other demands of its width."""
    if coupling == "attention" and width % backbone.heads:
        yield (
            f"width: found {width} with coupling 'attention', expected a multiple of the {backbone.heads} heads of the "
            "backbone"
        )
