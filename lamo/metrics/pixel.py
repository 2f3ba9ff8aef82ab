"""Scores of single frames against the truth: PSNR, SSIM, sharpness."""

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from lamo.errors import LamoError
from lamo.images import psnr, sharpness, ssim, to_unit

PSNR_CAP = 10 * math.log10(255**2 * 12)
"""Highest PSNR reported, 58.92 dB, that of the mean squared error of rounding to 8 bits (1/12 level squared). Identical
frames get this value instead of an infinite one."""


def _mse(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error [N] of values in 0..1."""
    return (predicted - truth).square().mean(dim=(1, 2, 3))


FRAME_METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": lambda predicted, truth: psnr(predicted, truth, PSNR_CAP),
    "ssim": ssim,
    "sharpness": sharpness,
    "mse": _mse,
}
"""Scores of single frames: predicted and true images [N, 3, H, W] in 0..1 -> [N], NaN where there is no score. Each is
declared under the same name in `lamo.metrics.catalogue`."""


def score_frames(predicted: np.ndarray, truth: np.ndarray, batch: int = 256) -> dict[str, np.ndarray]:
    """`FRAME_METRICS` of predicted frames uint8 [W, S, T, H, W, 3] against true frames uint8 [W, 1, T, H, W, 3].

    Gives float32 [W, S, T] for each metric: W windows, S samples, T steps. Works through at most about `batch` frames
    at a time. Raises `LamoError` if the shapes do not fit or the frames are not uint8.
    """
    check_frames(predicted, truth)
    windows, samples, steps = predicted.shape[:3]
    scores = {name: np.empty((windows, samples, steps), np.float32) for name in FRAME_METRICS}
    rows = max(1, batch // (samples * steps))
    for begin in range(0, windows, rows):
        block = slice(begin, begin + rows)
        x = to_images(predicted[block])
        y = to_images(np.broadcast_to(truth[block], predicted[block].shape))
        for name, score in FRAME_METRICS.items():
            scores[name][block] = score(x, y).numpy().reshape(-1, samples, steps)
    return scores


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


def to_images(frames: np.ndarray) -> Tensor:
    """Frames uint8 [..., H, W, 3] as images [N, 3, H, W] in 0..1 (channels last in memory, which convolves faster)."""
    return to_unit(np.require(frames, requirements=["C", "W"]).reshape(-1, *frames.shape[-3:]))
