"""Autoencoder pre-training of the encoder: a stationary target for the dynamics, where compute is small."""

from itertools import islice

import torch
from torch import Tensor, nn

from lamo.images import to_input
from lamo.midway.encoder import Encoder
from lamo.midway.learning.config import PretrainingConfig
from lamo.midway.learning.sampling import FrameWindows
from lamo.nn.share import draw
from lamo.stores.windows import ShuffledOrder, Windows
from lamo.training.checkpoint import Stateful
from lamo.training.device import mixed_precision
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog
from lamo.training.optim import adamw, cosine, set_learning_rate
from lamo.training.session import Session


class Readout(nn.Module):
    """Pixels of each patch as an affine function of its token, one map per pyramid level."""

    def __init__(self, levels: int, width: int, patch: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, 3 * patch * patch) for _ in range(levels))

    def forward(self, levels: tuple[Tensor, ...]) -> list[Tensor]:
        """Levels [B, 1 + P, D] -> patches [B, P, 3 patch^2] for each level."""
        return [read(level[:, 1:]) for read, level in zip(self.maps, levels, strict=True)]


def patches(images: Tensor, patch: int) -> Tensor:
    """[B, 3, H, W] -> [B, P, 3 patch^2], row by row."""
    return nn.functional.unfold(images, patch, stride=patch).transpose(1, 2)


def pretrain_encoder(
    encoder: Encoder, frames: Windows, config: PretrainingConfig, seed: int, session: Session, mixed: bool
) -> TrainingLog:
    """Train `encoder` so that every level of the pyramid, under noise, tells its patch's pixels by an affine map.

    `frames` are windows of one frame. Minimises the mean squared error, summed over levels. The maps are dropped.
    """
    device = session.device
    readout = Readout(len(encoder.config.levels), encoder.config.width, encoder.config.patch).to(device)
    optimizer = adamw([encoder, readout], config.learning_rate, 0.01)

    def loss(batch: FrameWindows) -> dict[str, Tensor]:
        images = to_input(batch.frames[:, 0], device)
        with mixed_precision(device, mixed):
            levels = encoder(images)
            noisy = tuple(level + config.noise * _noise_like(level) for level in levels)
            read = readout(noisy)
        target = patches(images, encoder.config.patch)
        errors = [(one.float() - target).square().mean() for one in read]
        return {"loss": torch.stack(errors).sum(), "reconstruction_level0": errors[0]}

    learner: Learner[FrameWindows] = Learner(loss, [encoder, readout], optimizer, 1.0, session)

    def step(index: int) -> dict[str, Tensor | float]:
        rate = cosine(index, config.steps, config.learning_rate, 0.02 * config.learning_rate, config.steps // 20)
        set_learning_rate(optimizer, rate)
        return {**learner.learn(next(batches), config.batch), "rate": rate}

    encoder.train()
    state: dict[str, Stateful] = {"encoder": encoder, "readout": readout, "optimizer": optimizer}
    training = Training("midway: encoder pre-training", config.steps, session, state)
    order = ShuffledOrder(len(frames), seed)
    draws = order.batches(config.batch, training.first * config.batch, local_rows(session, config.batch))
    read = lambda picks: FrameWindows(torch.from_numpy(frames.read(picks)))  # noqa: E731
    with Loader(read, islice(draws, config.steps - training.first), session.workers) as batches:
        return training.run(step, config.batch, waited=lambda: batches.waited_s)


def _noise_like(level: Tensor) -> Tensor:
    return draw(torch.randn, tuple(level.shape), device=level.device, dtype=level.dtype)
