"""What a predictor costs: parameters, tokens, and floating-point operations of training and of a sample.

Shapes: B batch, K history, L motion levels, M motion tokens per level, D_m motion width, P patches, D_z state width.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from lamo.nn.flops import Run, build, count_flops
from lamo.predictors.build import build_predictor
from lamo.predictors.head_predictor import HeadPredictor
from lamo.predictors.interface import Context, Geometry, Predictor, Sampler
from lamo.predictors.kinds import PredictorConfig


@dataclass(frozen=True)
class Size:
    """What "matched" is judged by before anything is trained.

    Attributes:
        backbone: trainable parameters of the context transformer, with its embeddings and queries; 0 of a predictor
            that is no `HeadPredictor`.
        head: all others.
        guess: values of a linear guess, which are fitted in closed form; 0 without one.
        context_tokens: tokens that the transformer attends over, queries included; 0 without one.
        payload: values predicted per rollout step.
    """

    backbone: int
    head: int
    guess: int
    context_tokens: int
    payload: int

    @property
    def parameters(self) -> int:
        """All trainable parameters."""
        return self.backbone + self.head


def make(config: PredictorConfig, geometry: Geometry) -> Predictor:
    """The predictor, untrained; without numbers in its weights where tensors are fake."""
    return build(lambda: build_predictor(config, geometry))


def size_of(config: PredictorConfig, geometry: Geometry) -> Size:
    """Parameters, context tokens and payload of a predictor; takes no memory."""
    with torch.device("meta"):
        predictor = build_predictor(config, geometry)
    values = geometry.slots * geometry.motion_width
    if predictor.predicts == "state":
        values = geometry.patches * geometry.state_width
    if not isinstance(predictor, HeadPredictor):
        return Size(0, _parameters(predictor), 0, 0, values)
    backbone = _parameters(predictor.backbone)
    fitted = ("linear.basis", "linear.weight", "linear.bias")
    guess = sum(buffer.numel() for name, buffer in predictor.named_buffers() if name in fitted)
    return Size(backbone, _parameters(predictor) - backbone, guess, predictor.backbone.context_tokens, values)


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def example(geometry: Geometry, batch: int) -> tuple[Context, Tensor, Tensor]:
    """A random context, the next motion tokens [B, L, M, D_m] and the next state [B, P, D_z]."""
    motion = torch.randn(batch, geometry.history + 1, geometry.levels, geometry.tokens, geometry.motion_width)
    states = torch.randn(batch, geometry.history + 2, geometry.patches, geometry.state_width)
    return Context(motion[:, :-1], states[:, :-1]), motion[:, -1], states[:, -1]


def training_flops(config: PredictorConfig, geometry: Geometry, batch: int = 1) -> int:
    """Operations of the loss of a batch of training windows and of its gradients."""

    def work(batch: int) -> Run:
        model, noise = make(config, geometry).train(), Generator().manual_seed(0)
        context, motion, state = example(geometry, batch)
        target = motion if model.predicts == "motion" else state
        return lambda: model.loss(context, target, noise).backward()

    return count_flops(work, batch)


def backbone_flops(config: PredictorConfig, geometry: Geometry) -> int:
    """Operations that a window takes once: context transformer, linear guess, coordinates; without gradients."""

    def work(batch: int) -> Run:
        model = make(config, geometry).eval().requires_grad_(False)
        context = example(geometry, batch)[0]
        if not isinstance(model, HeadPredictor):
            return lambda: None
        colour = model.whitening.colour if model.whitening else torch.Tensor.clone
        return lambda: (model.backbone(context), colour(torch.as_tensor(model.guess(context))))

    return count_flops(work)


def sampling_flops(config: PredictorConfig, geometry: Geometry, sampler: Sampler) -> int:
    """Operations of one sample of one window: the backbone once and the head as often as `sampler` evaluates it."""

    def work(batch: int) -> Run:
        model, noise = make(config, geometry).eval().requires_grad_(False), Generator().manual_seed(0)
        context = example(geometry, batch)[0]
        return lambda: model.sample(context, sampler, noise)

    return count_flops(work)
