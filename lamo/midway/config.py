"""Configuration of the Midway Network and of its training."""

from typing import Literal

from pydantic import Field

from lamo.section import Section


class EncoderConfig(Section):
    """Vision transformer with a pyramid of levels."""

    patch: int = Field(4, ge=1, description="side of a square patch [pixels]; published: 16")
    width: int = Field(96, ge=8, description="token width D; published ViT-S: 384")
    depth: int = Field(4, ge=1, description="transformer blocks; published: 12")
    heads: int = Field(3, ge=1, description="attention heads; published ViT-S: 6")
    mlp_ratio: float = Field(4.0, gt=0, description="hidden over token width of the MLPs")
    levels: tuple[int, ...] = Field(
        (0, 1, 2, 3),
        min_length=2,
        description="blocks (from 0) after which a pyramid level is taken; published: 2, 5, 8, 11",
    )
    drop_path: float = Field(0.0, ge=0, lt=1, description="stochastic depth of the student; published: 0.1")


class InverseConfig(Section):
    """Inverse dynamics: motion tokens from two latent states."""

    tokens: int = Field(10, ge=1, description="motion tokens per level M; paper: 10")
    width: int = Field(48, ge=8, description="motion-token width D_m; published: 192")
    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(3, ge=1, description="attention heads; published: 3")
    pairing: Literal["tokens", "channels"] = Field(
        "channels",
        description="source and target patches enter as tokens of one sequence (published) or added patch by patch",
    )
    correlation_radius: int = Field(
        2,
        ge=0,
        description="radius [patches] of the correlation volume of the two frames' features; 0: none (published)",
    )
    anchors: bool = Field(
        True, description="attention bias that ties each motion token to a region of the image; published: false"
    )
    position: Literal["learned", "sincos"] = Field(
        "sincos", description="learned position table (published) or one fixed sine-cosine code shared by both frames"
    )
    normalise_tokens: bool = Field(True, description="LayerNorm on the motion tokens; published: false")


class ForwardConfig(Section):
    """Forward dynamics: the next latent state from a state and motion tokens."""

    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(4, ge=1, description="attention heads (published: 6), or filter banks when tokens is filter")
    tokens: Literal["prefix", "filter"] = Field(
        "filter",
        description="motion tokens stand before the patches in self-attention (published), or patches read them by "
        "cross-attention and are gated and filtered over their neighbourhood by what they read",
    )
    filter_radius: int = Field(2, ge=1, description="radius [patches] of that neighbourhood")
    anchors: bool = Field(True, description="filter only: patches read first the motion tokens anchored near them")
    gate_bias: float = Field(
        1.0,
        description="added before the sigmoid of the gates; published: 4, at which a short training hardly moves them",
    )
    lateral_heads: int = Field(3, ge=1, description="attention heads of the laterals; published: 6")
    laterals: bool = Field(
        False, description="refine each level by cross-attention to the refined level above; published: true"
    )


class RecurrenceConfig(Section):
    """How the forward model feeds itself in a rollout; also of a published checkpoint that is imported."""

    top: Literal["held", "predicted"] = Field(
        "held", description="top level: that of the last observed frame, or predicted by a forward model of its own"
    )
    renormalise: bool = Field(True, description="project predictions back onto LayerNorm outputs after every step")
    role: Literal["student", "teacher"] = Field("teacher", description="encoder of the observed frames of a rollout")


class PretrainingConfig(Section):
    """Autoencoder pre-training of the encoder, after which it stays frozen."""

    steps: int = Field(
        450, ge=0, description="optimiser steps; 0: none, the encoder trains with the dynamics (published)"
    )
    batch: int = Field(64, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate")
    noise: float = Field(0.1, ge=0, description="standard deviation of noise on the features that are read out")


class DinoConfig(Section):
    """DINO loss between crops (student) and global crops (teacher)."""

    weight: float = Field(0.0, ge=0, description="weight in the total loss; published: 1")
    prototypes: int = Field(1024, ge=2, description="outputs of the head; published: 65,536")
    hidden: int = Field(256, ge=1, description="hidden width of the head; published: 2,048")
    bottleneck: int = Field(64, ge=1, description="bottleneck width of the head; published: 256")
    unit_prototypes: bool = Field(
        True, description="prototypes keep length 1; published: false, their lengths are learned"
    )
    local_crops: int = Field(2, ge=0, description="local crops per frame; published: 8")
    global_scale: tuple[float, float] = Field((0.4, 1.0), description="area share of global crops; as published")
    local_scale: tuple[float, float] = Field((0.05, 0.4), description="area share of local crops; as published")
    student_temperature: float = Field(0.1, gt=0, description="softmax temperature of the student; published: 0.1")
    teacher_temperature: float = Field(0.04, gt=0, description="softmax temperature of the teacher; published: 0.04")
    centre_momentum: float = Field(0.9, ge=0, lt=1, description="momentum of the centre; published: 0.9")


class MidwayTrainingConfig(Section):
    """Training of the dynamics."""

    pretraining: PretrainingConfig = PretrainingConfig()
    dino: DinoConfig = DinoConfig()
    steps: int = Field(1000, ge=1, description="optimiser steps")
    batch: int = Field(
        16,
        ge=1,
        description="pairs of frames per step; where steps are unrolled, fewer windows of as many frames in all",
    )
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate; published: 5e-4 x batch / 256")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the end of the cosine")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps with rising learning rate")
    weight_decay: float = Field(0.04, ge=0, description="AdamW weight decay; published: 0.04 to 0.4")
    clip: float = Field(1.0, gt=0, description="gradient norm above which gradients are scaled down; published: 3")
    teacher_momentum: float = Field(
        0.996, ge=0, le=1, description="momentum of the teacher at the start; a cosine takes it to 1; as published"
    )
    distance: Literal["cosine", "squared"] = Field(
        "squared",
        description="2 - 2 cosine of prediction and target (published), or squared error of normalised features",
    )
    change_weight: float = Field(
        0.8,
        ge=0,
        le=1,
        description="share of each token's loss weight that follows how much the token changes; published: 0",
    )
    both_directions: bool = Field(False, description="train on time-reversed pairs too; published: true")
    unroll: tuple[int, ...] = Field(
        (1, 1, 2, 4), min_length=1, description="forward steps unrolled, in equal parts of the training; published: 1"
    )
    mixed_precision: bool = Field(True, description="bfloat16 autocast")
    validate_every: int = Field(100, ge=0, description="steps between validations (oracle against shuffled motion)")


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
