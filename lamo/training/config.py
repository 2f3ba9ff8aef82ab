"""Settings of a training: the same name for the same setting in every stage."""

from pydantic import Field

from lamo.section import Section


class OptimisationConfig(Section):
    """Optimisation by AdamW with linear warm-up and cosine decay of the learning rate (`lamo.training.fit`).

    A stage makes a subclass of this. It gives the fields without a default their defaults, and repeats a field where
    its own default or source differs.
    """

    steps: int = Field(ge=1, description="optimiser steps")
    batch: int = Field(ge=1, description="samples per step")
    learning_rate: float = Field(gt=0, description="peak learning rate of AdamW")
    final_learning_rate: float = Field(0.0, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(0, ge=0, description="steps in which the learning rate rises linearly to its peak")
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW, on matrices only")
    clip_gradient: float = Field(
        1.0, ge=0, description="norm of all gradients above which they are scaled down; 0: never"
    )
    mixed_precision: bool = Field(True, description="bfloat16 autocast in training, on devices with units for it")


class ValidatedConfig(OptimisationConfig):
    """Optimisation of a model that is measured on held-out data while it trains."""

    validate_every: int = Field(0, ge=0, description="steps between two validations; 0: only at the end")
