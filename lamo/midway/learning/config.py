"""Configuration of the training of the Midway Network.

Losses and their weights belong to the form of the network (`lamo.midway.form`).
"""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from lamo.errors import LamoError
from lamo.section import Section
from lamo.training.config import ValidatedConfig

Range = tuple[float, float]


def _above_zero(value: Range) -> Range:
    if not 0 < value[0] <= value[1]:
        raise ValueError("expected two numbers above 0, the smaller one first")
    return value


def _shares(value: Range) -> Range:
    if _above_zero(value)[1] > 1:
        raise ValueError("expected two shares of the area, above 0 and at most 1")
    return value


PositiveRange = Annotated[Range, AfterValidator(_above_zero)]
AreaShares = Annotated[Range, AfterValidator(_shares)]


class PretrainingConfig(Section):
    """Compact form: training of the encoder as an autoencoder, before the dynamics."""

    steps: int = Field(450, ge=1, description="optimiser steps")
    batch: int = Field(64, ge=1, description="frames per step")


class DinoConfig(Section):
    """Published form: the DINO loss between crops (student) and global crops (teacher) of two frames of each window."""

    prototypes: int = Field(1024, ge=2, description="outputs of the head; published: 65,536")
    hidden: int = Field(256, ge=1, description="hidden width of the head; published: 2,048")
    bottleneck: int = Field(64, ge=1, description="bottleneck width of the head; published: 256")
    initial_scale: AreaShares | None = Field(
        None,
        description="area share of a box, the same in both frames, that all crops are taken from; null: the whole "
        "frame, the default, since of 32 x 64 pixels a part is too small to crop; published: [0.05, 0.2]",
    )


class AugmentationConfig(Section):
    """Random crops and light of the windows that the dynamics learn from."""

    scale: AreaShares | None = Field(
        None,
        description="area share of a random box, one per window and the same in all its frames, resized to the size of "
        "the frames; published: [0.2, 0.4]; null: whole frames, the default, whose 32 x 64 pixels leave boxes of that "
        "share 14 to 20 pixels high",
    )
    light: bool = Field(
        False,
        description="random changes of colour and sharpness, the same in all frames of a window; published: true",
    )


VALIDATED_STEPS = (1, 3, 8)
"""Steps of the rollouts that measure a training; at 5 frames per second the horizons of the table, 0.2, 0.6, 1.6 s."""


class MidwayTrainingConfig(ValidatedConfig):
    """Training of the dynamics."""

    start: str | None = Field(
        None,
        description="folder with model.safetensors and config.json of a network of this form and these sizes, whose "
        "weights the training begins with; the compact form then pre-trains no encoder; null: random weights",
    )
    pretraining: PretrainingConfig = PretrainingConfig()
    dino: DinoConfig = DinoConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    steps: int = Field(1200, ge=1, description="optimiser steps")
    batch: int = Field(
        16,
        ge=1,
        description="pairs of frames per step; where steps are unrolled, fewer windows of as many frames in all",
    )
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate of AdamW; published: 5e-4 x batch / 256")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(
        60,
        ge=0,
        description="steps in which the learning rate rises linearly to its peak; published: 10 of 300 epochs",
    )
    weight_decay: float = Field(
        0.04, ge=0, description="weight decay of AdamW, on matrices only, at the start; as published"
    )
    final_weight_decay: float = Field(
        0.04, ge=0, description="weight decay at the end of a half cosine; published: 0.4, in a training of 300 epochs"
    )
    clip_gradient: float = Field(
        1.0, ge=0, description="norm of all gradients above which they are scaled down; 0: never; published: 3"
    )
    validate_every: int = Field(
        100,
        ge=0,
        description="steps between two validations (oracle against shuffled motion); 0: only at the end",
    )
    both_directions: bool = Field(
        False,
        description="every step takes the mean of the losses of its windows and of the same windows backwards in time "
        "(published); off by default, since it nearly doubles the cost of a step",
    )
    gap_s: PositiveRange | None = Field(
        None,
        description="time between the frames of a window, a multiple of 1 / frames.rate_hz, drawn from this range for "
        "each window; s; published: [0.5, 1]; null: consecutive stored frames, the step of a rollout",
    )
    unroll: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 1, 2, 4),
        min_length=1,
        description="forward steps unrolled, in equal parts of the training; published: 1, which does not prepare the "
        "forward model for its own errors",
    )
    motion_noise: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the noise on motion tokens that the forward model is trained with, in the "
        "units of the tokens (in the compact form 1 per dimension); it bounds what tokens carry and prepares the "
        "forward model for sampled ones; published: 0",
    )

    def unroll_at(self, step: int) -> int:
        """Forward steps that training step `step` unrolls."""
        return self.unroll[min(step * len(self.unroll) // self.steps, len(self.unroll) - 1)]

    def windows_at(self, step: int) -> int:
        """Windows of training step `step`: as many frames in every one, so longer windows are fewer."""
        return max(1, 2 * self.batch // (self.unroll_at(step) + 1))

    def gaps(self, rate_hz: float | None) -> tuple[int, ...]:
        """The gaps of `gap_s` in stored frames at `rate_hz`, rising; one frame where there is no `gap_s`.

        Raises:
            LamoError: no whole number of frames lies in the range, or the rate is not known.
        """
        if self.gap_s is None:
            return (1,)
        if rate_hz is None:
            raise LamoError("midway.training.gap_s: the rate of the frames is not known; give rate_hz")
        low, high = (round(limit * rate_hz, 6) for limit in self.gap_s)
        gaps = tuple(range(max(1, math.ceil(low)), math.floor(high) + 1))
        if not gaps:
            raise LamoError(
                f"midway.training.gap_s: found {list(self.gap_s)} s, expected a range that holds a multiple of "
                f"{1 / rate_hz:g} s (1 / frames.rate_hz)"
            )
        return gaps
