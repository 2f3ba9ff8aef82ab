"""Configuration of the training of the Midway Network."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lamo.errors import LamoError
from lamo.midway.learning.augmentation_config import (
    STRETCH,
    AreaShares,
    AugmentationConfig,
    PhotometricConfig,
    PositiveRange,
)
from lamo.section import Section
from lamo.training.config import OptimisationConfig


class PretrainingConfig(OptimisationConfig):
    """Autoencoder pre-training of the encoder, after which it stays frozen."""

    steps: int = Field(
        450,
        ge=0,
        description="optimiser steps; 0: none, the encoder trains with the dynamics (published), at half the steps per "
        "second and towards targets that move",
    )
    batch: int = Field(64, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate of AdamW")
    final_learning_rate: float = Field(4e-5, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(22, ge=0, description="steps in which the learning rate rises linearly to its peak")
    noise: float = Field(0.1, ge=0, description="standard deviation of noise on the features that are read out")


class DinoConfig(Section):
    """DINO loss between crops (student) and global crops (teacher)."""

    weight: float = Field(
        0.0,
        ge=0,
        description="weight in the total loss; published: 1; 0 where the encoder is pre-trained and stays as it is",
    )
    prototypes: int = Field(1024, ge=2, description="outputs of the head; published: 65,536")
    hidden: int = Field(256, ge=1, description="hidden width of the head; published: 2,048")
    bottleneck: int = Field(64, ge=1, description="bottleneck width of the head; published: 256")
    unit_prototypes: bool = Field(
        True,
        description="prototypes keep length 1, so that none can win by length alone; published: false, their lengths "
        "are learned",
    )
    local_crops: int = Field(2, ge=0, description="local crops per frame; published: 8")
    both_frames: bool = Field(
        False,
        description="the same crops of two frames of each window, every crop matched with the other crops of both "
        "(published), or crops of its first frame alone, at half the cost",
    )
    initial_scale: AreaShares | None = Field(
        None,
        description="area share of a box, the same in both frames, that all crops are taken from; null: the whole "
        "frame, the default, since of 32 x 64 pixels a part is too small to crop; published: [0.05, 0.2]",
    )
    global_scale: AreaShares = Field((0.4, 1.0), description="area share of global crops; as published")
    local_scale: AreaShares = Field((0.05, 0.4), description="area share of local crops; as published")
    stretch: PositiveRange = Field((0.75, 1.3333), description=STRETCH)
    mirror: float = Field(0.5, ge=0, le=1, description="probability that a crop is mirrored, in both frames")
    photometric: PhotometricConfig = Field(
        PhotometricConfig(), description="changes of colour and sharpness, drawn for each crop, the same in both frames"
    )
    student_temperature: float = Field(0.1, gt=0, description="softmax temperature of the student; published: 0.1")
    teacher_temperature: float = Field(0.04, gt=0, description="softmax temperature of the teacher; published: 0.04")
    centre_momentum: float = Field(0.9, ge=0, lt=1, description="momentum of the centre; published: 0.9")
    frozen_prototypes: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the steps, from the start, in which the head's last layer stays as it is; published: the "
        "first of 300 epochs",
    )


VALIDATED_STEPS = (1, 3, 8)
"""Steps of the rollouts that measure a training; at 5 frames per second the horizons of the table, 0.2, 0.6, 1.6 s."""


class MidwayTrainingConfig(Section):
    """Training of the dynamics."""

    pretraining: PretrainingConfig = PretrainingConfig()
    dino: DinoConfig = DinoConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    steps: int = Field(1200, ge=1, description="optimiser steps")
    batch: int = Field(
        16,
        ge=1,
        description="pairs of frames per step; where steps are unrolled, fewer windows of as many frames in all",
    )
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate; published: 5e-4 x batch / 256")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the end of the cosine")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps with rising learning rate")
    weight_decay: float = Field(0.04, ge=0, description="AdamW weight decay at the start; as published")
    final_weight_decay: float = Field(
        0.04, ge=0, description="weight decay at the end of a half cosine; published: 0.4, in a training of 300 epochs"
    )
    clip: float = Field(1.0, gt=0, description="norm of all gradients above which they are scaled down; published: 3")
    teacher_momentum: float = Field(
        0.996, ge=0, le=1, description="momentum of the teacher at the start; a cosine takes it to 1; as published"
    )
    distance: Literal["cosine", "squared"] = Field(
        "squared",
        description="2 - 2 cosine of prediction and target (published), which leaves the scale of predictions open, or "
        "squared error of normalised features, which is 0 only where the projection of a rollout's step is right",
    )
    change_weight: float = Field(
        0.8,
        ge=0,
        le=1,
        description="share of each token's loss weight that follows how much the token changes; published: 0, with "
        "which the many tokens that hardly change outweigh those that move",
    )
    pixel_weight: float = Field(
        1.0,
        ge=0,
        description="weight of the squared error, over their variance, of pixels read from the finest level by an "
        "affine map that is fitted once, so only with a pre-trained encoder; published: 0",
    )
    contrast_weight: float = Field(
        3.0,
        ge=0,
        description="weight of the difference in local contrast of these pixels, against fading; published: 0",
    )
    contrast_from: float = Field(
        0.75,
        ge=0,
        le=1,
        description="share of the steps after which contrast_weight counts; earlier it hinders finding the motion",
    )
    contrast_window: int = Field(6, ge=2, description="side of the squares that local contrast is taken in; pixels")
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
        "units of the tokens (1 per dimension where normalise_tokens is on); it bounds what tokens carry and prepares "
        "the forward model for sampled ones; published: 0",
    )
    mixed_precision: bool = Field(True, description="bfloat16 autocast")
    validate_every: int = Field(100, ge=0, description="steps between validations (oracle against shuffled motion)")
    collapse_spread: float = Field(
        0.05,
        ge=0,
        le=1,
        description="training stops when `feature_spread` of the log falls below this: the spread over samples of the "
        "teacher's standardised features, at the level where it is least (0.5 to 0.6 in untrained encoders, 0 where "
        "all frames look alike to the encoder); 0: never",
    )

    @model_validator(mode="after")
    def _losses_fit_the_encoder(self) -> Self:
        if self.pretraining.steps and self.dino.weight:
            raise ValueError(
                f"found dino.weight {self.dino.weight:g} with an encoder that is pre-trained and then frozen; set it "
                "to 0, or let the encoder train along (pretraining.steps: 0)"
            )
        if not self.pretraining.steps and (self.pixel_weight or self.contrast_weight):
            raise ValueError(
                f"found pixel_weight {self.pixel_weight:g} and contrast_weight {self.contrast_weight:g} with an "
                "encoder that trains along; set both to 0, or pre-train it (pretraining.steps)"
            )
        return self

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
