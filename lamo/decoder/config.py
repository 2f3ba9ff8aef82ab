"""Configuration of the pixel decoder and of its training."""

from pydantic import Field

from lamo.section import Section


class DecoderConfig(Section):
    """Stage 04: the pixel decoder and its training."""

    depth: int = Field(6, ge=1, description="transformer blocks; paper: 6")
    width: int = Field(96, ge=8, description="token width")
    heads: int = Field(3, ge=1, description="attention heads")
    steps: int = Field(350, ge=1, description="optimiser steps")
    batch: int = Field(48, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW weight decay")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps with rising learning rate")
    mixed_precision: bool = Field(True, description="bfloat16 autocast")
