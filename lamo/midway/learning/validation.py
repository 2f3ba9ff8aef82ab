"""Validation of a Midway Network in training: oracle rollouts on held-out clips, read out as pixels."""

import itertools

import numpy as np
import torch
from torch import Tensor

from lamo.images import CAP_DB, blur, psnr, sharpness, to_input, to_unit
from lamo.midway.learning.config import VALIDATED_STEPS
from lamo.midway.learning.readout import PixelReadout, fit_readout
from lamo.midway.network import Midway
from lamo.midway.state import State
from lamo.stores.windows import ShardArray, Windows
from lamo.training.device import mixed_precision

WINDOWS = 64
BLUR_SIGMAS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Standard deviations of the blurred persistence, in 1/32 of the frames' height."""


class Validation:
    """Rollouts of held-out windows with the oracle's motion tokens and with those of a window of another clip.

    Pixels are read by `PixelReadout`, so that no decoder is needed; the final table's numbers, by the decoder, differ a
    little. Calling it gives, for each of `VALIDATED_STEPS`:
        oracle_psnr: PSNR of the oracle's rollout [dB].
        swap_gap_db: what the oracle loses with the other clip's tokens; zero if tokens carry nothing.
        over_blur_db: what it gains over the last frame under the blur that scores best on these very windows.
        sharpness: its gradient energy over that of the truth; absent if every true frame is blank.
    """

    def __init__(
        self, model: Midway, train: list[ShardArray], held_out: list[ShardArray], seed: int, device: torch.device,
        mixed: bool, frozen_encoder: bool,
    ) -> None:  # fmt: skip
        self.model, self.device, self.mixed, self.frozen = model, device, mixed, frozen_encoder
        self.train_frames, self.seed = Windows(train, 1), seed
        windows = Windows(held_out, max(VALIDATED_STEPS) + 1)
        # In the order of the clips, so that half a turn away lies another clip, unless one fills half of them.
        picks = np.sort(np.random.default_rng(seed).permutation(len(windows))[:WINDOWS])
        self.away = len(picks) // 2
        frames = windows.read(picks)
        self.images, self.truth = to_input(frames, device), to_unit(frames, device)
        self.blurred = {t: self._blurred(t) for t in VALIDATED_STEPS}
        self.readout: PixelReadout | None = None

    @torch.no_grad()
    def __call__(self) -> dict[str, float]:
        """Measure the model as it is; leaves it in train mode."""
        self.model.eval()
        readout = self.readout
        if readout is None or not self.frozen:
            readout = self.readout = fit_readout(self.model, self.train_frames, self.seed, self.device)
        with mixed_precision(self.device, self.mixed):
            states = [self.model.encode(self.images[:, t]) for t in range(max(VALIDATED_STEPS) + 1)]
            motion = [self.model.inverse(a, b) for a, b in itertools.pairwise(states)]
            oracle, shuffled = states[0], states[0]
            values: dict[str, float] = {}
            for t, tokens in enumerate(motion, start=1):
                oracle, shuffled = self.model.step(oracle, tokens), self.model.step(shuffled, tokens.roll(self.away, 0))
                if t in VALIDATED_STEPS:
                    measured = self._compare(readout, oracle, shuffled, t)
                    values |= {f"{name}_step{t}": value for name, value in measured.items()}
        self.model.train()
        return values

    def _compare(self, readout: PixelReadout, oracle: State, shuffled: State, t: int) -> dict[str, float]:
        truth = self.truth[:, t]
        images = readout(oracle[0])
        reached = _psnr(images, truth)
        sharp = sharpness(images.clamp(0, 1), truth)
        sharp = sharp[sharp.isfinite()]
        measured = {
            "oracle_psnr": reached,
            "swap_gap_db": reached - _psnr(readout(shuffled[0]), truth),
            "over_blur_db": reached - self.blurred[t],
        }
        # Where every true frame is blank there is no number to log.
        return measured | ({"sharpness": float(sharp.mean())} if len(sharp) else {})

    def _blurred(self, t: int) -> float:
        """Mean PSNR of the last observed frame under the best of the blurs, at step `t`."""
        unit = self.truth.shape[-2] / 32.0
        return max(_psnr(blur(self.truth[:, 0], sigma * unit), self.truth[:, t]) for sigma in BLUR_SIGMAS)


def _psnr(images: Tensor, truth: Tensor) -> float:
    """Mean PSNR [dB] of images [B, 3, H, W] clamped to 0..1."""
    return float(psnr(images.clamp(0, 1), truth, CAP_DB).mean())
