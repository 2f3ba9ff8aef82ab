"""Training of the pixel decoder on true latents."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.images import decibels, to_unit
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows
from lamo.training.device import mixed_precision
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog
from lamo.training.optim import adamw, cosine, set_learning_rate
from lamo.training.session import Session

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
        self._frames, self._states = Windows(data.frames, 1), Windows(data.states, 1)

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, picks: np.ndarray) -> DecoderRows:
        frames, states = self._frames.read(picks)[:, 0], self._states.read(picks)[:, 0]
        return DecoderRows(torch.from_numpy(frames), torch.from_numpy(states))


def train_decoder(
    config: DecoderConfig,
    train: DecoderData,
    held_out: DecoderData,
    grid: tuple[int, int],
    seed: int,
    session: Session,
) -> tuple[PixelDecoder, TrainingLog]:
    """Minimise the mean squared error of d(z_t) against x_t (eq. 16) with AdamW; logs the PSNR on held-out frames."""
    rows, held = _Rows(train), _Rows(held_out)
    height = train.frames[0].array.shape[1]
    state_width = train.states[0].array.shape[-1]
    decoder = PixelDecoder(config, state_width, grid, height // grid[0]).to(session.device)
    optimizer = adamw([decoder], config.learning_rate, config.weight_decay)

    def error(batch: DecoderRows) -> Tensor:
        with mixed_precision(session.device, config.mixed_precision):
            predicted = decoder(batch.states.to(session.device).float())
        return F.mse_loss(predicted, to_unit(batch.frames, session.device))

    learner: Learner[DecoderRows] = Learner(lambda batch: {"loss": error(batch)}, [decoder], optimizer, 1.0, session)

    def step(index: int) -> dict[str, Tensor | float]:
        rate = cosine(
            index, config.steps, config.learning_rate, 0.02 * config.learning_rate, int(config.warmup * config.steps)
        )
        set_learning_rate(optimizer, rate)
        return {**learner.learn(next(batches), config.batch), "learning_rate": rate}

    checked = held.read(np.random.default_rng(seed).permutation(len(held))[:VALIDATION_FRAMES])

    @torch.no_grad()
    def validate() -> dict[str, float]:
        return {"held_out_psnr": float(decibels(error(checked)))}

    training = Training("decoder", config.steps, session, {"decoder": decoder, "optimizer": optimizer})
    draws = ShuffledOrder(len(rows), seed).batches(
        config.batch, training.first * config.batch, local_rows(session, config.batch)
    )
    with Loader(rows.read, islice(draws, config.steps - training.first), session.workers) as batches:
        log = training.run(step, config.batch, validate, max(1, config.steps // 5), waited=lambda: batches.waited_s)
    return decoder.eval(), log
