"""Training of the pixel decoder on true latents."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.midway.images import to_unit
from lamo.stores.windows import ShardArray, Windows, shuffled_batches
from lamo.training.device import mixed_precision
from lamo.training.loop import TrainingLog, run_training
from lamo.training.optim import adamw, cosine, descend, set_learning_rate

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


def train_decoder(
    config: DecoderConfig, train: DecoderData, held_out: DecoderData, patch: int, seed: int, device: torch.device
) -> tuple[PixelDecoder, TrainingLog]:
    """Minimise the mean squared error of d(z_t) against x_t (eq. 16) with AdamW; logs the PSNR on held-out frames."""
    frames, states = Windows(train.frames, 1), Windows(train.states, 1)
    height, width = train.frames[0].array.shape[1:3]
    state_width = train.states[0].array.shape[-1]
    decoder = PixelDecoder(config, state_width, (height // patch, width // patch), patch).to(device)
    optimizer = adamw([decoder], config.learning_rate, config.weight_decay)
    batches = shuffled_batches(len(frames), config.batch, seed)

    def error(images: Windows, latents: Windows, picks: np.ndarray) -> Tensor:
        state = torch.as_tensor(latents.read(picks)[:, 0], device=device).float()
        with mixed_precision(device, config.mixed_precision):
            predicted = decoder(state)
        return F.mse_loss(predicted, to_unit(images.read(picks)[:, 0], device))

    def step(index: int) -> dict[str, Tensor | float]:
        rate = cosine(
            index, config.steps, config.learning_rate, 0.02 * config.learning_rate, int(config.warmup * config.steps)
        )
        set_learning_rate(optimizer, rate)
        loss = error(frames, states, next(batches))
        norm = descend(optimizer, loss, list(decoder.parameters()), 1.0)
        return {"loss": loss.detach(), "gradient_norm": norm, "learning_rate": rate}

    held_frames, held_states = Windows(held_out.frames, 1), Windows(held_out.states, 1)
    picks = np.random.default_rng(seed).permutation(len(held_frames))[:VALIDATION_FRAMES]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"held_out_psnr": float(-10.0 * error(held_frames, held_states, picks).log10())}

    log = run_training(step, config.steps, config.batch, "decoder", validate, max(1, config.steps // 5))
    return decoder.eval(), log
