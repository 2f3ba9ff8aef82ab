"""Configuration of the Midway Network.

A key whose description says "published" switches between the published behaviour and another; the default is what the
compact preset uses, for the reason given there. What published weights rely on has no switch: below the top level the
incoming motion tokens count twice; the gate net of a block acts in the next one, on the skip path of its attention
alone, and never on motion tokens; the inverse model sees the raw prediction of the level above, not the refined
feature; the loss counts the class token and aims at the plain feature, not the refined one; position tables are resized
by (new + 0.1) / old; outside the encoder queries, keys and values have no bias and the LayerNorms an epsilon of 1e-5.
`tests/midway/test_golden.py` holds each of them to numbers.
"""

from typing import Literal

from pydantic import Field

from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.section import Section


class EncoderConfig(Section):
    """Vision transformer with a pyramid of levels."""

    patch: int = Field(4, ge=1, description="side of a square patch [pixels]; published: 16")
    width: int = Field(96, ge=8, description="token width D; published ViT-S: 384")
    depth: int = Field(4, ge=1, description="transformer blocks; published: 12")
    heads: int = Field(3, ge=1, description="attention heads; published ViT-S: 6")
    mlp_ratio: float = Field(4.0, gt=0, description="hidden over token width of the MLPs")
    levels: tuple[int, ...] = Field(
        (0, 3),
        min_length=2,
        description="blocks (from 0) after which a pyramid level is taken, finest first; motion levels are one fewer; "
        "published: 2, 5, 8, 11",
    )
    drop_path: float = Field(0.0, ge=0, lt=1, description="stochastic depth of the student; published: 0.1")


class InverseConfig(Section):
    """Inverse dynamics: motion tokens from two latent states."""

    tokens: int = Field(
        30, ge=1, description="motion tokens per level M; paper: 10 at each of 3 levels, here as many at one level"
    )
    width: int = Field(48, ge=8, description="motion-token width D_m; published: 192")
    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(3, ge=1, description="attention heads; published: 3")
    pairing: Literal["tokens", "channels"] = Field(
        "channels",
        description="source and target patches enter as tokens of one sequence (published) or added patch by patch, "
        "which makes the sequence half as long",
    )
    correlation_radius: int = Field(
        2,
        ge=0,
        description="radius [patches] of the correlation volume of the two frames' features; 0: none (published), with "
        "which short trainings did not discover what motion tokens are for",
    )
    anchors: bool = Field(
        True,
        description="attention bias that ties each motion token to a region of the image; published: false, with which "
        "short trainings did not discover what motion tokens are for",
    )
    position: Literal["learned", "sincos"] = Field(
        "sincos",
        description="learned position table (published) or one fixed sine-cosine code shared by both frames, which "
        "needs no training",
    )
    normalise_tokens: bool = Field(
        True,
        description="LayerNorm on the motion tokens, which the forward model then reads at one scale; published: false",
    )


class ForwardConfig(Section):
    """Forward dynamics: the next latent state from a state and motion tokens."""

    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(4, ge=1, description="attention heads (published: 6), or filter banks when tokens is filter")
    tokens: Literal["prefix", "filter"] = Field(
        "filter",
        description="motion tokens stand before the patches in self-attention (published), or patches read them by "
        "cross-attention and are gated and filtered over their neighbourhood by what they read, which short trainings "
        "discover",
    )
    filter_radius: int = Field(2, ge=1, description="radius [patches] of that neighbourhood")
    anchors: bool = Field(True, description="filter only: patches read first the motion tokens anchored near them")
    gate_bias: float = Field(
        1.0,
        description="added before the sigmoid of the gates; published: 4, at which a short training hardly moves them",
    )
    lateral_heads: int = Field(3, ge=1, description="attention heads of the laterals; published: 6")
    laterals: bool = Field(
        False,
        description="refine each level by cross-attention to the refined level above; published: true; without, levels "
        "advance independently and only those that are needed have to be unrolled",
    )


class RecurrenceFitConfig(Section):
    """Fit of what a recurrence needs and `checkpoint` lacks, everything else frozen, on the frames of stage 01."""

    steps: int = Field(300, ge=1, description="optimiser steps of a predicted top level")
    batch: int = Field(16, ge=1, description="windows per step")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate")
    unroll: int = Field(2, ge=1, description="steps of the rollout that is fitted")


class RecurrenceConfig(Section):
    """How the forward model feeds itself in a rollout; also of a model that is imported."""

    top: Literal["held", "predicted", "recomputed"] = Field(
        "held",
        description="top level: that of the last observed frame, predicted by a forward model of its own, or (with all "
        "levels above the finest) recomputed from the predicted finest level by the remaining encoder blocks",
    )
    projection: Literal["none", "norm", "scale"] = Field(
        "norm",
        description="after every step: nothing; project predictions back onto LayerNorm outputs; the same after giving "
        "them the scale of true features, which the cosine distance leaves open",
    )
    role: Literal["student", "teacher"] = Field("teacher", description="encoder of the observed frames of a rollout")
    fit: RecurrenceFitConfig = RecurrenceFitConfig()


class MidwayConfig(Section):
    """The latent dynamics model (stage 02)."""

    checkpoint: str | None = Field(
        None,
        description="model to import instead of training one: a published checkpoint, or a folder of this project with "
        "model.safetensors and config.json; of the other keys then only `checkpoint_heads` and `recurrence` count",
    )
    checkpoint_heads: int | None = Field(
        None,
        ge=1,
        description="attention heads of the encoder in `checkpoint`; needed only for a published checkpoint that names "
        "an unknown architecture",
    )
    encoder: EncoderConfig = EncoderConfig()
    inverse: InverseConfig = InverseConfig()
    forward_: ForwardConfig = Field(ForwardConfig(), alias="forward")
    recurrence: RecurrenceConfig = RecurrenceConfig()
    training: MidwayTrainingConfig = MidwayTrainingConfig()
