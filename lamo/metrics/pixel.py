"""Scores of single frames against the truth: PSNR, SSIM, sharpness."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from lamo.errors import LamoError

PSNR_CAP = 10 * math.log10(255**2 * 12)
"""Highest PSNR reported, 58.92 dB: mean squared error of rounding to 8 bits (1/12 level squared). Identical frames get
this value; an infinity would swallow every mean."""

SSIM_WINDOW = 11
_BLANK_ENERGY = 2 * (0.25 / 255) ** 2


@dataclass(frozen=True)
class PixelScores:
    """Scores of each predicted frame, float32 [W, S, T] each: W windows, S samples, T steps.

    `psnr` in dB; `ssim` in -1..1; `sharpness` as a ratio, NaN where the true frame is blank; `mse`, mean squared error
    of values in 0..1.
    """

    psnr: np.ndarray
    ssim: np.ndarray
    sharpness: np.ndarray
    mse: np.ndarray


def score_frames(predicted: np.ndarray, truth: np.ndarray, batch: int = 256) -> PixelScores:
    """Score predicted frames uint8 [W, S, T, H, W, 3] against true frames uint8 [W, 1, T, H, W, 3].

    Works through at most about `batch` frames at a time. Raises `LamoError` if the shapes do not fit or the frames are
    not uint8.
    """
    check_frames(predicted, truth)
    windows, samples, steps = predicted.shape[:3]
    scores = np.empty((4, windows, samples, steps), np.float32)
    rows = max(1, batch // (samples * steps))
    for begin in range(0, windows, rows):
        block = slice(begin, begin + rows)
        x = to_images(predicted[block])
        y = to_images(np.broadcast_to(truth[block], predicted[block].shape))
        for row, values in enumerate((psnr(x, y), ssim(x, y), sharpness(x, y), (x - y).square().mean(dim=(1, 2, 3)))):
            scores[row, block] = values.numpy().reshape(-1, samples, steps)
    return PixelScores(*scores)


def check_frames(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Raise `LamoError` unless both are uint8 and have the shapes that `score_frames` states."""
    expected = (truth.shape[0], *predicted.shape[1:2], *truth.shape[2:])
    if predicted.ndim != 6 or truth.ndim != 6 or truth.shape[1] != 1 or predicted.shape != expected:
        raise LamoError(
            f"frames to score: found predicted {predicted.shape} and truth {truth.shape}, expected "
            "(windows, samples, steps, height, width, 3) and the same with one sample; make the rollouts again"
        )
    if predicted.dtype != np.uint8 or truth.dtype != np.uint8:
        raise LamoError(f"frames to score: found {predicted.dtype} and {truth.dtype}, expected uint8")


def to_images(frames: np.ndarray) -> torch.Tensor:
    """Frames uint8 [..., H, W, 3] as float32 [N, 3, H, W] in 0..1 (channels last in memory, which convolves faster)."""
    flat = np.require(frames, requirements=["C", "W"]).reshape(-1, *frames.shape[-3:])
    return (torch.from_numpy(flat).float() / 255).permute(0, 3, 1, 2)


def psnr(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio [N] in dB of images [N, 3, H, W] in 0..1: 10 log10(1 / MSE), at most `PSNR_CAP`."""
    values = peak_signal_noise_ratio(predicted, truth, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return values.reshape(len(truth)).clamp(max=PSNR_CAP)


def ssim(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Structural similarity [N] of images [N, 3, H, W] in 0..1 (Wang et al. 2004), mean over channels and pixels.

    Gaussian window of 11 pixels with sigma 1.5. Smaller frames get the widest odd window that fits with sigma shrunk in
    proportion, because the standard one would average over its own reflection; such values do not compare with others.
    Raises `LamoError` for frames under 3 pixels.
    """
    side = min(truth.shape[-2:])
    if side < 3:
        raise LamoError(f"SSIM: found frames of {tuple(truth.shape[-2:])} pixels, expected at least 3 x 3")
    # torchmetrics derives the window from sigma: 2 floor(3.5 sigma + 0.5) + 1 pixels
    sigma = 1.5 if side >= SSIM_WINDOW else ((side - 1) // 2) / 3.5
    values = structural_similarity_index_measure(predicted, truth, sigma=sigma, data_range=1.0, reduction="none")
    assert isinstance(values, torch.Tensor)  # a pair only where the picture of it is asked for too
    return values.reshape(len(truth))


def gradient_energy(images: torch.Tensor) -> torch.Tensor:
    """E(x) [N] of images [N, C, H, W]: mean (x[i+1, j] - x[i, j])^2 + mean (x[i, j+1] - x[i, j])^2."""
    vertical = (images[..., 1:, :] - images[..., :-1, :]).square().mean(dim=(1, 2, 3))
    horizontal = (images[..., :, 1:] - images[..., :, :-1]).square().mean(dim=(1, 2, 3))
    return vertical + horizontal


def sharpness(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """E(predicted) / E(truth) [N], E the gradient energy: 1 is right, 0.5 is blur, above 1 is noise or false edges.

    NaN, and so left out of every mean, where the true frame is blank: root mean square gradient under a quarter of an
    8-bit level.
    """
    energy = gradient_energy(truth)
    return torch.where(energy > _BLANK_ENERGY, gradient_energy(predicted) / energy.clamp(min=_BLANK_ENERGY), torch.nan)
