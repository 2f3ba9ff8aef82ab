"""Pre-training of the encoder as an autoencoder: it gives the dynamics targets that do not move."""

import torch
from torch import Tensor, nn

from lamo.images import to_input
from lamo.midway.encoder import Encoder
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.sampling import FrameWindows
from lamo.nn.flops import build
from lamo.nn.share import draw
from lamo.stores.windows import Windows
from lamo.training.config import OptimisationConfig
from lamo.training.device import mixed_precision
from lamo.training.fit import ShuffledRows, Task, fit
from lamo.training.loop import TrainingLog
from lamo.training.session import Session

# Standard deviation of the noise on the features that are read out.
NOISE = 0.1


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


def optimisation(training: MidwayTrainingConfig) -> OptimisationConfig:
    """Optimisation of the pre-training: steps and batch of its own, precision of the training of the dynamics.

    Learning rates and warm-up, a twentieth of the steps, are own choices.
    """
    steps = training.pretraining.steps
    return OptimisationConfig(
        steps=steps,
        batch=training.pretraining.batch,
        learning_rate=2e-3,
        final_learning_rate=4e-5,
        warmup_steps=steps // 20,
        mixed_precision=training.mixed_precision,
    )


class PretrainingTask(Task[FrameWindows]):
    """A step of the pre-training: every level of the pyramid, under noise, tells its patch's pixels by an affine map.

    The maps are dropped after the training.
    """

    def __init__(self, encoder: Encoder, config: OptimisationConfig, device: torch.device) -> None:
        shape = encoder.config
        readout = build(lambda: Readout(len(shape.levels), shape.width, shape.patch), device)
        self.encoder = encoder
        self.readout = readout
        self.device = device
        super().__init__("midway: encoder pre-training", config, {"encoder": encoder, "readout": readout})

    def loss(self, rows: FrameWindows) -> dict[str, Tensor]:
        """Mean squared error of normalised pixels, summed over levels."""
        images = to_input(rows.frames[:, 0], self.device)
        with mixed_precision(self.device, self.config.mixed_precision):
            levels = self.encoder(images)
            noisy = tuple(level + NOISE * _noise_like(level) for level in levels)
            read = self.readout(noisy)
        target = patches(images, self.encoder.config.patch)
        errors = [(one.float() - target).square().mean() for one in read]
        return {"loss": torch.stack(errors).sum(), "reconstruction_level0": errors[0]}

    def example_rows(self, batch: int) -> FrameWindows:
        """Black frames."""
        patch = self.encoder.config.patch
        rows, columns = self.encoder.grid
        return FrameWindows(torch.zeros(batch, 1, rows * patch, columns * patch, 3, dtype=torch.uint8))


def pretrain_encoder(
    encoder: Encoder, frames: Windows, config: OptimisationConfig, seed: int, session: Session
) -> TrainingLog:
    """Train `encoder` as an autoencoder on `frames`, windows of one frame.

    Raises:
        LamoError: a logged value is not finite.
        Stopped: the process was asked to stop.
    """
    encoder.train()
    rows = ShuffledRows(
        len(frames), lambda picks: FrameWindows(torch.from_numpy(frames.read(picks))), config.batch, seed
    )
    return fit(PretrainingTask(encoder, config, session.device), rows, session)


def _noise_like(level: Tensor) -> Tensor:
    return draw(torch.randn, tuple(level.shape), device=level.device, dtype=level.dtype)
