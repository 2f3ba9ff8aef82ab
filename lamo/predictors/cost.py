"""What a predictor costs: parameters, tokens, and floating-point operations of training and of a sample.

Shapes: B batch, K history, L motion levels, M motion tokens per level, D_m motion width, P patches, D_z state width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from lamo.nn.flops import Run, build, count_flops
from lamo.predictors.backbone import MotionBackbone, StateBackbone
from lamo.predictors.config import PredictorConfig
from lamo.predictors.flow import predictor as flow_predictor
from lamo.predictors.gmm import predictor as gmm_predictor
from lamo.predictors.interface import Context, Geometry, Predictor, Sampler
from lamo.predictors.state import predictor as state_predictor

# All by import statements, unlike in `lamo.predictors.build`: what compares the predictors depends on the code of all.
BUILDERS: dict[str, Callable[..., Predictor]] = {
    "flow": flow_predictor.build,
    "gmm": gmm_predictor.build,
    "state": state_predictor.build,
}


@dataclass(frozen=True)
class Size:
    """What "matched" is judged by before anything is trained.

    Attributes:
        backbone: trainable parameters of the context transformer, with its embeddings and queries.
        head: those of the head.
        anchor: values of a linear anchor, which are fitted in closed form; 0 without one.
        context_tokens: tokens that the transformer attends over, queries included.
        payload: values predicted per rollout step.
    """

    backbone: int
    head: int
    anchor: int
    context_tokens: int
    payload: int

    @property
    def parameters(self) -> int:
        """All trainable parameters."""
        return self.backbone + self.head


def make(config: PredictorConfig, geometry: Geometry) -> Predictor:
    """The predictor, untrained; without numbers in its weights where tensors are fake."""
    return build(lambda: BUILDERS[config.name](geometry, config.backbone, config.head))


def size_of(config: PredictorConfig, geometry: Geometry) -> Size:
    """Parameters, context tokens and payload of a predictor; takes no memory."""
    with torch.device("meta"):
        predictor = BUILDERS[config.name](geometry, config.backbone, config.head)
    values = geometry.slots * geometry.motion_width
    if predictor.predicts == "state":
        values = geometry.patches * geometry.state_width
    backbone = _backbone(predictor)
    head = _parameters(predictor) - _parameters(backbone)
    guess = ("linear.basis", "linear.weight", "linear.bias")
    anchor = sum(buffer.numel() for name, buffer in predictor.named_buffers() if name in guess)
    return Size(_parameters(backbone), head, anchor, backbone.context_tokens, values)


def _backbone(predictor: Predictor) -> MotionBackbone | StateBackbone:
    assert isinstance(predictor.backbone, MotionBackbone | StateBackbone)
    return predictor.backbone


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def example(geometry: Geometry, batch: int) -> tuple[Context, Tensor, Tensor]:
    """A random context, the next motion tokens [B, L, M, D_m] and the next state [B, P, D_z]."""
    motion = torch.randn(batch, geometry.history + 1, geometry.levels, geometry.tokens, geometry.motion_width)
    states = torch.randn(batch, geometry.history + 2, geometry.patches, geometry.state_width)
    return Context(motion[:, :-1], states[:, :-1]), motion[:, -1], states[:, -1]


def training_flops(config: PredictorConfig, geometry: Geometry, batch: int = 1) -> int:
    """Operations of the loss of a batch of training windows and of its gradients; `batch` times those of one window,
    but for the windows of a batch that `predictors.flow.shortcut_share` adds evaluations of the head to."""

    def work(batch: int) -> Run:
        model, noise = make(config, geometry).train(), Generator().manual_seed(0)
        context, motion, state = example(geometry, batch)
        target = motion if model.predicts == "motion" else state
        return lambda: model.loss(context, target, noise).backward()

    return count_flops(work, batch)


def backbone_flops(config: PredictorConfig, geometry: Geometry) -> int:
    """Operations of the context transformer and the anchor for one window, without gradients."""

    def work(batch: int) -> Run:
        model, context = make(config, geometry).eval().requires_grad_(False), example(geometry, batch)[0]
        return lambda: (_backbone(model)(context), model.guess(context))

    return count_flops(work)


def sampling_flops(config: PredictorConfig, geometry: Geometry, sampler: Sampler) -> int:
    """Operations of one sample of one window: the backbone once and the head as often as `sampler` evaluates it."""

    def work(batch: int) -> Run:
        model, noise = make(config, geometry).eval().requires_grad_(False), Generator().manual_seed(0)
        context = example(geometry, batch)[0]
        return lambda: model.sample(context, sampler, noise)

    return count_flops(work)
