"""Settings of the predictors (stage 05)."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lamo.section import Section

PredictorName = Literal["flow", "gmm", "state"]
PREDICTORS: tuple[PredictorName, ...] = ("flow", "gmm", "state")
Ridge = Annotated[
    float,
    Field(
        gt=0,
        description="linear anchor: ridge of its regression, per training window and in variances of the values; more "
        "where there are few windows (`anchor_error` of the training's log against 1)",
    ),
]


class BackboneConfig(Section):
    """The context transformer; one configuration for all predictors, so that their capacity is matched."""

    depth: int = Field(3, ge=1, description="transformer layers; the paper: 12")
    width: int = Field(128, ge=4, description="model width d; the paper: 1152")
    heads: int = Field(2, ge=1, description="attention heads; must divide the width; the paper: 8")
    mlp_ratio: float = Field(4.0, gt=0, description="hidden width of the feed-forward part over the model width")

    @model_validator(mode="after")
    def _divisible(self) -> "BackboneConfig":
        if self.width % self.heads or self.width % 4:
            raise ValueError(
                f"backbone.width is {self.width} with backbone.heads {self.heads}; "
                "the width must be a multiple of the heads and of 4 (two-dimensional sine-cosine positions)"
            )
        return self


class PredictorTraining(Section):
    """How one predictor is trained."""

    steps: int = Field(600, ge=1, description="optimiser steps; the paper trains 300 epochs")
    batch: int = Field(32, ge=1, description="context windows per step")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate of AdamW; the paper: 1.5e-4 at width 1152")
    final_learning_rate: float = Field(1e-5, ge=0, description="learning rate at the last step (cosine decay)")
    warmup_steps: int = Field(50, ge=0, description="steps of linear warm-up")
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW on matrices; the paper is silent")
    clip_gradient: float = Field(1.0, ge=0, description="largest gradient norm; 0 switches clipping off")
    context_noise_max: float = Field(
        0.3,
        ge=0,
        description="context noise: sigma ~ U(0, this) per sample, in normalised units (eq. 9); 0 is off; the paper: 1",
    )
    ema_decay: float = Field(
        0.995, ge=0, lt=1, description="decay of the moving average of the weights that is saved; 0: the weights"
    )
    bf16: bool = Field(True, description="bfloat16 autocast in training; for sampling see rollouts.mixed_precision")
    validation_every: int = Field(200, ge=1, description="steps between two validations")
    validation_batches: int = Field(4, ge=1, description="batches of validation windows per validation")


class FlowConfig(Section):
    """Flow-matching head on motion tokens (paper 4.4.1)."""

    blocks: int = Field(3, ge=1, description="residual AdaLN blocks of the head; the paper: 3")
    width: int = Field(128, ge=1, description="width of the head; raised to the width of a motion token if smaller")
    anchor: Literal["none", "last", "linear"] = Field(
        "linear",
        description="none: predict the token itself (the paper); last: its difference from the last observed one; "
        "linear: its difference from a linear guess from the tokens of the last step, fitted in closed form",
    )
    anchor_ridge: Ridge = 0.03
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
        "Frans et al. 2024; e.g. 0.25), for the samplers flow-1, flow-2, flow-4 and flow-8; 0: off (the paper)",
    )
    training: PredictorTraining = Field(PredictorTraining(steps=700), description="training of this predictor")

    @model_validator(mode="after")
    def _enough_for_a_share(self) -> "FlowConfig":
        if self.shortcut_share and self.shortcut_share * self.training.batch < 1:
            raise ValueError(
                f"flow.shortcut_share is {self.shortcut_share} of flow.training.batch {self.training.batch}, which is "
                f"not one window; expected 0 or at least {1 / self.training.batch:g}"
            )
        return self


class GmmConfig(Section):
    """Gaussian-mixture head on motion tokens (paper 4.4.2)."""

    components: int = Field(3, ge=1, le=64, description="mixture components M; the paper: 3")
    log_sigma_min: float = Field(-4.0, description="lower bound of log sigma, normalised units")
    log_sigma_max: float = Field(1.0, description="upper bound of log sigma, normalised units")
    entropy_weight: float = Field(
        0.1,
        ge=0,
        description="weight lambda of the entropy of the mixture weights in eq. 13, in nats; the paper is silent",
    )
    anchor: Literal["none", "last", "linear"] = Field(
        "linear", description="as for flow; the anchor moves the means only"
    )
    anchor_ridge: Ridge = 0.03
    training: PredictorTraining = Field(PredictorTraining(steps=500), description="training of this predictor")

    @model_validator(mode="after")
    def _ordered(self) -> "GmmConfig":
        if self.log_sigma_min >= self.log_sigma_max:
            raise ValueError(
                f"gmm.log_sigma_min is {self.log_sigma_min}, gmm.log_sigma_max is {self.log_sigma_max}; "
                "the minimum must be below the maximum"
            )
        return self


class StateConfig(Section):
    """Flow-matching head on latent states: the baseline (paper 4.5)."""

    blocks: int = Field(3, ge=1, description="residual AdaLN blocks of the head; the paper: 3, as the flow predictor")
    width: int = Field(
        128,
        ge=1,
        description="width of the head; raised to the width of a state token if smaller, because a narrower head "
        "cannot carry the noise that its target contains",
    )
    anchor: Literal["none", "last", "linear"] = Field(
        "linear",
        description="none: predict the state itself (the paper); last: its difference from the current state; linear: "
        "its difference from a linear guess from the last two, fitted in closed form",
    )
    anchor_ridge: Ridge = 0.03
    coupling: Literal["none", "attention"] = Field("none", description="as for flow, among the patches of a state")
    training: PredictorTraining = Field(
        PredictorTraining(steps=400, batch=16), description="training of this predictor"
    )


class PredictorConfig(Section):
    """What one predictor depends on, and nothing else; saved beside its weights as part of config.json."""

    name: PredictorName = Field(description="flow, gmm or state")
    history: int = Field(ge=0, description="motion tokens in the context, K")
    backbone: BackboneConfig = Field(description="the context transformer")
    head: FlowConfig | GmmConfig | StateConfig = Field(description="the section of this predictor")

    @model_validator(mode="before")
    @classmethod
    def _head_of_its_kind(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The three sections share keys, so the name decides which one a plain dict is read as."""
        kinds: dict[str, type[Section]] = {"flow": FlowConfig, "gmm": GmmConfig, "state": StateConfig}
        if isinstance(values, dict) and isinstance(values.get("head"), dict) and values.get("name") in kinds:
            values = {**values, "head": kinds[values["name"]].model_validate(values["head"])}
        return values


class PredictorsConfig(Section):
    """All predictors of a run."""

    history: int = Field(
        3, ge=0, le=64, description="motion tokens in the context, K; K + 1 frames are observed; paper: 3"
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="training seeds; every predictor is trained once per seed"
    )
    backbone: BackboneConfig = Field(BackboneConfig(), description="context transformer of all predictors")
    flow: FlowConfig = Field(FlowConfig(), description="flow-matching predictor of motion tokens")
    gmm: GmmConfig = Field(GmmConfig(), description="Gaussian-mixture predictor of motion tokens")
    state: StateConfig = Field(StateConfig(), description="flow-matching predictor of latent states")

    @model_validator(mode="after")
    def _consistent(self) -> "PredictorsConfig":
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"predictors.seeds is {list(self.seeds)}; each seed may stand there once")
        for name in ("flow", "gmm"):
            if self.history == 0 and getattr(self, name).anchor != "none":
                raise ValueError(
                    f"predictors.{name}.anchor is {getattr(self, name).anchor!r}, but with predictors.history 0 no "
                    "token is observed; expected 'none'"
                )
        for name, head in (("flow", self.flow), ("state", self.state)):
            if head.coupling == "attention" and head.width % self.backbone.heads:
                raise ValueError(
                    f"predictors.{name}.width is {head.width} with coupling 'attention'; "
                    f"expected a multiple of predictors.backbone.heads {self.backbone.heads}"
                )
        return self

    def of(self, name: PredictorName) -> PredictorConfig:
        """Returns the part that predictor `name` depends on, so that changing another retrains only that one."""
        return PredictorConfig(name=name, history=self.history, backbone=self.backbone, head=getattr(self, name))
