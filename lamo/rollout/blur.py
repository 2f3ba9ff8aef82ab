"""The Gaussian blur that scores best at each horizon: what a prediction that only fades can reach."""

import logging
from collections.abc import Sequence

import numpy as np

from lamo.images import CAP_DB, blur_frames, psnr, to_unit
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Window

logger = logging.getLogger(__name__)


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
            score[index] += _psnr(blur_frames(last, sigma)[:, None], truth).sum(axis=0)
    best = [float(sigmas[index]) for index in score.argmax(axis=0)]
    logger.info("blur fitted on %d windows: sigma %s pixels", len(windows), ", ".join(f"{sigma:g}" for sigma in best))
    return best


def _psnr(frame: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """PSNR [B, T] in dB of the same `frame` uint8 [B, 1, H, W, 3] at every step of `truth` uint8 [B, T, H, W, 3]."""
    same = np.repeat(frame, truth.shape[1], axis=1)
    found = psnr(to_unit(same).flatten(0, 1), to_unit(truth).flatten(0, 1), CAP_DB)
    return found.reshape(truth.shape[:2]).numpy()
