"""Configuration of the pixel decoder and of its training."""

from pydantic import Field

from lamo.section import Section
from lamo.training.config import ValidatedConfig


class DecoderTraining(ValidatedConfig):
    """Training of the decoder."""

    steps: int = Field(350, ge=1, description="optimiser steps; own choice, for two CPU cores")
    batch: int = Field(48, ge=1, description="frames per step; own choice")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate of AdamW; own choice")
    final_learning_rate: float = Field(4e-5, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(17, ge=0, description="steps in which the learning rate rises linearly to its peak")
    validate_every: int = Field(
        70, ge=0, description="steps between two measurements of the PSNR on held-out frames; 0: only at the end"
    )
    gradient_loss: float = Field(
        0.05,
        ge=0,
        description="weight of the mean absolute error of the differences between neighbouring pixels, beside the mean "
        "squared error of pixels; the paper: 0 (docs/decoder.md)",
    )
    start: str | None = Field(
        None,
        description="folder of a trained decoder (04_decoder of another run) to begin with, of the same sizes and made "
        "for the same encoder; null: begin anew",
    )


class DecoderShape(Section):
    """Size of the decoder."""

    depth: int = Field(6, ge=1, description="transformer blocks; paper: 6")
    width: int = Field(96, ge=8, description="token width")
    heads: int = Field(3, ge=1, description="attention heads")
    convolutions: int = Field(
        3,
        ge=0,
        description="3 x 3 convolutions after the patches, which remove their grid from the images; the paper: 0 "
        "(docs/decoder.md)",
    )


class DecoderConfig(DecoderShape):
    """Stage 04: the pixel decoder and its training."""

    training: DecoderTraining = Field(DecoderTraining(), description="training of the decoder")
