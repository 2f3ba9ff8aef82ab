"""Autoencoder pre-training of the encoder: a stationary target for the dynamics, where compute is small."""

import torch
from torch import Tensor, nn

from lamo.midway.encoder import Encoder
from lamo.midway.images import to_input
from lamo.midway.training_config import PretrainingConfig
from lamo.stores.windows import ShuffledOrder, Windows
from lamo.training.device import mixed_precision
from lamo.training.loop import TrainingLog, run_training
from lamo.training.optim import adamw, cosine, descend, set_learning_rate


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
    encoder: Encoder, frames: Windows, config: PretrainingConfig, seed: int, device: torch.device, mixed: bool
) -> TrainingLog:
    """Train `encoder` so that every level of the pyramid, under noise, tells its patch's pixels by an affine map.

    `frames` are windows of one frame. Minimises the mean squared error, summed over levels. The maps are dropped.
    """
    readout = Readout(len(encoder.config.levels), encoder.config.width, encoder.config.patch).to(device)
    optimizer = adamw([encoder, readout], config.learning_rate, 0.01)
    parameters = [*encoder.parameters(), *readout.parameters()]
    batches = ShuffledOrder(len(frames), seed).batches(config.batch)

    def step(index: int) -> dict[str, Tensor | float]:
        rate = cosine(index, config.steps, config.learning_rate, 0.02 * config.learning_rate, config.steps // 20)
        set_learning_rate(optimizer, rate)
        images = to_input(frames.read(next(batches))[:, 0], device)
        with mixed_precision(device, mixed):
            levels = encoder(images)
            noisy = tuple(level + config.noise * torch.randn_like(level) for level in levels)
            read = readout(noisy)
        target = patches(images, encoder.config.patch)
        errors = [(one.float() - target).square().mean() for one in read]
        loss = torch.stack(errors).sum()
        norm = descend(optimizer, loss, parameters, 1.0)
        return {"loss": loss.detach(), "reconstruction_level0": errors[0].detach(), "gradient_norm": norm, "rate": rate}

    encoder.train()
    return run_training(step, config.steps, config.batch, "midway: encoder pre-training")
