"""Settings that the kinds of predictors share (stage 05); those of one kind stand beside its head."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from lamo.section import Section
from lamo.training.config import ValidatedConfig

Depth = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=4)]
Heads = Annotated[int, Field(ge=1)]


class BackboneConfig(Section):
    """The context transformer."""

    depth: Depth = Field(3, description="transformer layers; the paper: 12")
    width: Width = Field(128, description="model width d; the paper: 1152")
    heads: Heads = Field(2, description="attention heads; must divide the width; the paper: 8")

    @model_validator(mode="after")
    def _divisible(self) -> "BackboneConfig":
        if self.width % self.heads or self.width % 4:
            raise ValueError(
                f"backbone.width is {self.width} with backbone.heads {self.heads}; "
                "the width must be a multiple of the heads and of 4 (two-dimensional sine-cosine positions)"
            )
        return self


class BackboneChange(Section):
    """What of the context transformer differs in one entry; null: as in predictors.backbone."""

    depth: Depth | None = Field(None, description="as predictors.backbone.depth")
    width: Width | None = Field(None, description="as predictors.backbone.width")
    heads: Heads | None = Field(None, description="as predictors.backbone.heads")


class PredictorTraining(ValidatedConfig):
    """How a predictor is trained."""

    steps: int = Field(600, ge=1, description="optimiser steps; the paper trains 300 epochs")
    batch: int = Field(32, ge=1, description="context windows per step")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate of AdamW; the paper: 1.5e-4 at width 1152")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(50, ge=0, description="steps in which the learning rate rises linearly to its peak")
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW, on matrices only; the paper is silent")
    mixed_precision: bool = Field(
        True,
        description="bfloat16 autocast in training, on devices with units for it; for sampling see "
        "rollouts.mixed_precision",
    )
    validate_every: int = Field(200, ge=0, description="steps between two validations; 0: only at the end")
    context_noise_max: float = Field(
        0.3,
        ge=0,
        description="context noise: sigma ~ U(0, this) per sample, in normalised units (eq. 9); 0 is off; the paper: 1",
    )
    ema_decay: float = Field(
        0.995, ge=0, lt=1, description="decay of the moving average of the weights that is saved; 0: the weights"
    )
    validation_batches: int = Field(4, ge=1, description="batches of validation windows per validation")
    start: str | None = Field(
        None,
        description="folder of a trained predictor (05_predictors/<entry>/seed<seed> of another run) to begin with, of "
        "one kind, sizes and statistics (latents.statistics); its linear guess is kept; null: begin anew",
    )


class TrainingChange(PredictorTraining):
    """What differs in the training of one entry: the keys that are given. No dump has others, which mean nothing."""

    @model_serializer(mode="wrap")
    def _given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key in self.model_fields_set}


class KindConfig(Section):
    """Base of the settings of a kind of predictors.

    All kinds share one training. `training` is what predictors.training and the entry say together; a kind adds no
    settings to it, and what it demands of it is said by `Kind.problems`.
    """

    training: PredictorTraining = Field(PredictorTraining(), description="training of this predictor")


class GuessConfig(KindConfig):
    """Settings of a kind whose head can model the difference from a linear guess."""

    guess: Literal["none", "linear", "whitened"] = Field(
        "whitened",
        description="none: the head predicts the value itself (the paper); linear: its difference from a linear guess "
        "from the last observed values, fitted in closed form; whitened: that difference in coordinates in which what "
        "the guess leaves is white, so that independent noise is noise with the right covariance",
    )
    guess_ridge: float = Field(
        0.03,
        gt=0,
        description="ridge of the linear guess, per training window and in variances of the values; more "
        "where there are few windows (`guess_error` of the training's log against 1)",
    )
