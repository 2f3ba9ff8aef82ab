"""The Gaussian blur that scores best at each horizon: what a prediction that only fades can reach."""

import logging
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Window

logger = logging.getLogger(__name__)
# Equal frames would score infinitely and hide all others in a mean.
LEAST_ERROR = 1e-10


def blur(frames: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of standard deviation `sigma` [pixels], edges repeated: uint8 [..., H, W, 3] -> the same."""
    if sigma == 0:
        return frames.copy()
    spread = (*[0.0] * (frames.ndim - 3), sigma, sigma, 0.0)
    return gaussian_filter(frames.astype(np.float32), spread, mode="nearest").round().clip(0, 255).astype(np.uint8)


def frame_psnr(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """PSNR in dB of uint8 frames [..., H, W, 3]: [...]; at most 100 dB."""
    error = np.square((prediction.astype(np.float32) - truth.astype(np.float32)) / 255.0).mean(axis=(-3, -2, -1))
    return -10.0 * np.log10(np.maximum(error, LEAST_ERROR))


def fit_blur(
    clips: ClipFrames, windows: Sequence[Window], history: int, steps: int, sigmas: Sequence[float], batch: int = 32
) -> list[float]:
    """For each step the sigma [pixels] among `sigmas` with the best mean PSNR on `windows` of training clips.

    With 0 among `sigmas` the fit is never worse than persistence on the windows it was fitted on.
    """
    score = np.zeros((len(sigmas), steps))
    for begin in range(0, len(windows), batch):
        frames = clips.read(windows[begin : begin + batch], history, history + 1 + steps)
        last, truth = frames[:, 0], frames[:, 1:]
        for index, sigma in enumerate(sigmas):
            score[index] += frame_psnr(blur(last, sigma)[:, None], truth).sum(axis=0)
    best = [float(sigmas[index]) for index in score.argmax(axis=0)]
    logger.info("blur fitted on %d windows: sigma %s pixels", len(windows), ", ".join(f"{sigma:g}" for sigma in best))
    return best
