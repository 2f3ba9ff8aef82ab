"""Scores of the S sampled futures of a window together: best and mean of them, energy score, spread, coverage.

Energy score (Gneiting and Raftery 2007, eq. 21, with exponent 1): E|x - y| - 1/2 E|x - x'| for the truth y and
independent samples x, x'; lower is better, and no distribution scores better in expectation than the true one. The
second expectation is over pairs of different samples (the unbiased form), so that rows with two and with eight samples
can be compared. The second term of a point forecast is 0: a method without chance has one sample, and its score is its
error. One sample that was drawn by chance has no energy score: its error lacks the second term.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lamo.images import psnr, ssim
from lamo.metrics.pixel import PSNR_CAP, check_frames, to_images


def energy_score(error: np.ndarray, spread: np.ndarray, deterministic: bool) -> np.ndarray:
    """Energy score [W, T] from |x_s - y| [W, S, T] and E|x - x'| [W, T], which is ignored where S = 1.

    A method that is `deterministic` has one sample, and its error is its score. Of any other one sample has no score:
    NaN, since half the distance to a second one is missing, and rows of several samples would look better beside it.
    """
    mean = error.mean(axis=1)
    if error.shape[1] > 1:
        return np.asarray(mean - spread / 2)
    return np.asarray(mean if deterministic else np.full_like(mean, np.nan))


def frame_distances(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|x_s - y| [W, S, T] and the mean of |x_s - x_s'| over pairs s != s' [W, T] (NaN where S = 1) of frames as in
    `score_samples`: root mean squares over H x W x 3 values in 0..1."""
    windows, samples, steps = predicted.shape[:3]
    # Products of differences from the truth, as whole numbers in float64: exact, so that equal frames have distance 0.
    difference = (predicted.astype(np.float64) - truth).reshape(windows, samples, steps, -1).swapaxes(1, 2)
    products = difference @ difference.swapaxes(2, 3) / (difference.shape[-1] * 255**2)
    squares = np.diagonal(products, axis1=2, axis2=3)
    error = np.sqrt(squares).swapaxes(1, 2)
    if samples == 1:
        return error, np.full((windows, steps), np.nan)
    first, second = np.triu_indices(samples, 1)
    between = squares[..., first] + squares[..., second] - 2 * products[..., first, second]
    return error, np.sqrt(between.clip(min=0)).mean(axis=-1)


def coverage_of(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of values (pixels and channels) whose truth lies within the range of the S samples: [W, T]; NaN where S =
    1.

    If truth and samples are drawn from one distribution, the truth is the lowest or the highest of the S + 1 values
    with probability 2 / (S + 1), so that the coverage is nominally (S - 1) / (S + 1). With 8 bits the truth often ties
    with samples; ties are broken at random, in expectation: a truth that is the lowest beside k equal samples counts
    1 / (k + 1) as outside (as in rank histograms, Hamill 2001). The nominal value then holds with ties as well.
    """
    windows, samples, steps = predicted.shape[:3]
    if samples == 1:
        return np.full((windows, steps), np.nan)
    below = np.add.reduce(predicted < truth, axis=1, dtype=np.uint16)
    equal = np.add.reduce(predicted == truth, axis=1, dtype=np.uint16)
    extreme = (below == 0).astype(np.float32) + (below + equal == samples)
    return np.asarray(1 - (extreme / (equal + np.float32(1))).mean(axis=(-3, -2, -1)))


@dataclass(frozen=True)
class Samples:
    """What scores of all samples of some windows are computed from.

    Attributes:
        predicted: frames uint8 [W, S, T, H, W, 3]; `truth` the same with one sample.
        images: pixelwise means of the samples, [W T, 3, H, W] in 0..1; `true_images` the truth in that form.
        single: scores of the samples by metric of `lamo.metrics.pixel.FRAME_METRICS`, [W, S, T].
        error: distances of the samples from the truth, [W, S, T]; `spread`, mean distance of two samples, [W, T].
        deterministic: all samples of a window would be the same, so that there is one.
        oracle: frames of the rollout with true motion tokens, as `truth`.
    """

    predicted: np.ndarray
    truth: np.ndarray
    oracle: np.ndarray
    images: Tensor
    true_images: Tensor
    single: Mapping[str, np.ndarray]
    error: np.ndarray
    spread: np.ndarray
    deterministic: bool

    @classmethod
    def of(
        cls, predicted: np.ndarray, truth: np.ndarray, oracle: np.ndarray, single: Mapping[str, np.ndarray],
        deterministic: bool,
    ) -> "Samples":  # fmt: skip
        """From frames and the scores of single samples."""
        mean = to_images(predicted).unflatten(0, predicted.shape[:3]).mean(dim=1).flatten(0, 1)
        apart = frame_distances(predicted, truth)
        return cls(predicted, truth, oracle, mean, to_images(truth), single, *apart, deterministic)


SAMPLE_METRICS: dict[str, Callable[[Samples], np.ndarray | Tensor]] = {
    "psnr_best": lambda of: of.single["psnr"].max(axis=1),
    "ssim_best": lambda of: of.single["ssim"].max(axis=1),
    "psnr_mean": lambda of: psnr(of.images, of.true_images, PSNR_CAP),
    "ssim_mean": lambda of: ssim(of.images, of.true_images),
    "energy_score": lambda of: energy_score(of.error, of.spread, of.deterministic),
    "spread": lambda of: of.spread,
    "coverage": lambda of: coverage_of(of.predicted, of.truth),
    "coverage_oracle": lambda of: coverage_of(of.predicted, of.oracle),
}
"""Scores of all samples of a window together: one value for each window and step, in this order, NaN where there is
none. Each is declared under the same name in `lamo.metrics.catalogue`.

`psnr_best`, `ssim_best`: highest among the samples, step by step; they rise with S and need the truth to pick.
`psnr_mean`, `ssim_mean`: of the pixelwise mean of the samples. With one sample all four are the score of the sample.
`energy_score`, `spread` (E|x - x'|): |.| is the root mean square over pixels and channels in 0..1 units.
`coverage`: share of values whose truth lies within the range of the samples; see `coverage_of`. `coverage_oracle`: the
same with the oracle's frame in the place of the truth. What forward model and decoder cannot show is missing from both
alike, so it says what the predictor alone leaves out."""


def score_samples(
    predicted: np.ndarray,
    truth: np.ndarray,
    oracle: np.ndarray,
    single: Mapping[str, np.ndarray],
    deterministic: bool,
    batch: int = 256,
) -> dict[str, np.ndarray]:
    """`SAMPLE_METRICS` of predicted frames uint8 [W, S, T, H, W, 3] against true frames uint8 [W, 1, T, H, W, 3].

    Gives float32 [W, T] for each metric. `oracle` holds the frames of the rollout with true motion tokens, in the form
    of `truth`, and `single` the samples' own scores; `deterministic`: all samples of a window would be the same, so
    that there is one. Works through at most about `batch` frames at a time. Raises `LamoError` if the shapes do not fit
    or the frames are not uint8.
    """
    check_frames(predicted, truth)
    check_frames(predicted, oracle)
    windows, samples, steps = predicted.shape[:3]
    scores = {name: np.empty((windows, steps), np.float32) for name in SAMPLE_METRICS}
    rows = max(1, batch // (samples * steps))
    for begin in range(0, windows, rows):
        block = slice(begin, begin + rows)
        own = {name: values[block] for name, values in single.items()}
        part = Samples.of(predicted[block], truth[block], oracle[block], own, deterministic)
        for name, score in SAMPLE_METRICS.items():
            scores[name][block] = np.asarray(score(part)).reshape(-1, steps)
    return scores
