"""Training of the pixel decoder on true latents.

Shapes: N rows of a store, B batch, P patches, D_z state width, H and W height and width of the frames.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.images import decibels, gradients, to_unit
from lamo.nn.flops import build
from lamo.stores.windows import ShardArray, Windows
from lamo.training.device import mixed_precision
from lamo.training.fit import ShuffledRows, Task, fit
from lamo.training.loop import TrainingLog
from lamo.training.session import Session
from lamo.training.start import differences

VALIDATION_FRAMES = 256


@dataclass(frozen=True)
class DecoderData:
    """Frames uint8 [N, H, W, 3] and latent states [N, P, D_z] of the same rows, shard by shard."""

    frames: list[ShardArray]
    states: list[ShardArray]

    def __post_init__(self) -> None:
        for frames, states in zip(self.frames, self.states, strict=True):
            if not np.array_equal(frames.offsets, states.offsets):
                raise LamoError("frames and latents are of different clips; run stages 01 and 03 again")


@dataclass(frozen=True)
class DecoderRows:
    """Frames uint8 [B, H, W, 3] and their latent states float16 [B, P, D_z]."""

    frames: Tensor
    states: Tensor


class _Rows:
    """Single frames with their states, by number."""

    def __init__(self, data: DecoderData) -> None:
        self._frames = Windows(data.frames, 1)
        self._states = Windows(data.states, 1)

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, picks: np.ndarray) -> DecoderRows:
        frames = self._frames.read(picks)[:, 0]
        states = self._states.read(picks)[:, 0]
        return DecoderRows(torch.from_numpy(frames), torch.from_numpy(states))


class DecoderTask(Task[DecoderRows]):
    """A step of the decoder's training.

    Its loss is the mean squared error of d(z_t) against x_t (eq. 16), and `gradient_loss` with the weight of that name.
    """

    def __init__(
        self, config: DecoderConfig, state_width: int, grid: tuple[int, int], patch: int, device: torch.device
    ) -> None:
        self.decoder = build(lambda: PixelDecoder(config, state_width, grid, patch), device)
        self.gradient_weight = config.training.gradient_loss
        self.device = device
        super().__init__("decoder", config.training, {"decoder": self.decoder})

    def loss(self, rows: DecoderRows) -> dict[str, Tensor]:
        """The loss and its two parts, of pixels in 0..1."""
        with mixed_precision(self.device, self.config.mixed_precision):
            predicted = self.decoder(rows.states.to(self.device).float())
        truth = to_unit(rows.frames, self.device)
        squared = F.mse_loss(predicted, truth)
        gradient = gradient_loss(predicted, truth)
        total = squared + self.gradient_weight * gradient
        return {"loss": total, "loss_pixels": squared.detach(), "loss_gradients": gradient.detach()}

    def example_rows(self, batch: int) -> DecoderRows:
        """Black frames and zero states."""
        rows, columns = self.decoder.grid
        patch = self.decoder.patch
        frames = torch.zeros(batch, rows * patch, columns * patch, 3, dtype=torch.uint8)
        states = torch.zeros(batch, rows * columns, self.decoder.embed.in_features, dtype=torch.float16)
        return DecoderRows(frames, states)


def begin_with(decoder: PixelDecoder, folder: str) -> None:
    """Give `decoder` the weights of the one saved in `folder`.

    Raises:
        LamoError: it is missing or damaged, or has other sizes.
    """
    given = PixelDecoder.load(folder)
    if found := differences(given.sizes(), decoder.sizes()):
        raise LamoError(
            f"decoder.training.start: the decoder in {folder} has {'; '.join(found)}; set these keys of decoder, "
            "frames and midway as there, or leave decoder.training.start out"
        )
    decoder.load_state_dict(given.state_dict())


def gradient_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighbouring pixels of [B, 3, H, W], both directions added.

    An error that varies slowly costs nothing here, one with edges in it, such as those of patches, does.
    """
    across, down = gradients(predicted - truth)
    return across.abs().mean() + down.abs().mean()


def train_decoder(
    config: DecoderConfig,
    train: DecoderData,
    held_out: DecoderData,
    grid: tuple[int, int],
    seed: int,
    session: Session,
) -> tuple[PixelDecoder, TrainingLog]:
    """Train a decoder on true latents whose patches fill `grid`; the log has the PSNR on held-out frames [dB].

    Raises:
        LamoError: a logged value is not finite, or the decoder to begin with is missing or another.
        Stopped: the process was asked to stop.
    """
    rows = _Rows(train)
    held = _Rows(held_out)
    height = train.frames[0].array.shape[1]
    state_width = train.states[0].array.shape[-1]
    task = DecoderTask(config, state_width, grid, height // grid[0], session.device)
    if config.training.start is not None:
        begin_with(task.decoder, config.training.start)
    checked = held.read(np.random.default_rng(seed).permutation(len(held))[:VALIDATION_FRAMES])

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"held_out_psnr": float(decibels(task.loss(checked)["loss_pixels"]))}

    draws = ShuffledRows(len(rows), rows.read, config.training.batch, seed)
    log = fit(task, draws, session, validate, config.training.validate_every)
    return task.decoder.eval(), log
