"""PSNR, SSIM and sharpness against independent formulas and known properties."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter

from lamo.errors import LamoError
from lamo.metrics.pixel import PSNR_CAP, score_frames, sharpness


@pytest.fixture
def truth() -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (5, 1, 3, 24, 40, 3))
    smooth = gaussian_filter(noise, (0, 0, 0, 1.5, 1.5, 0))
    return (128 + 4 * (smooth - 127.5)).clip(0, 255).astype(np.uint8)


def noisy(frames: np.ndarray, sigma: float, seed: int = 1) -> np.ndarray:
    return (frames + np.random.default_rng(seed).normal(0, sigma, frames.shape)).clip(0, 255).astype(np.uint8)


def test_psnr_is_the_formula(truth):
    predicted = np.concatenate([noisy(truth, 5), noisy(truth, 20)], axis=1)
    error = (predicted.astype(float) - truth).reshape(*predicted.shape[:3], -1)
    expected = 10 * np.log10(255**2 / np.square(error).mean(axis=-1))
    np.testing.assert_allclose(score_frames(predicted, truth)["psnr"], expected, atol=1e-3)


def test_identical_frames_score_the_cap_one_and_one(truth):
    scores = score_frames(truth, truth)
    np.testing.assert_allclose(scores["psnr"], PSNR_CAP)
    np.testing.assert_allclose(scores["ssim"], 1.0, atol=1e-5)
    np.testing.assert_allclose(scores["sharpness"], 1.0)
    assert math.isclose(PSNR_CAP, 58.92, abs_tol=0.01)


def test_scores_do_not_depend_on_the_batch(truth):
    predicted = np.concatenate([noisy(truth, 5), noisy(truth, 20)], axis=1)
    for name in ("psnr", "ssim", "sharpness"):
        few, all_at_once = (score_frames(predicted, truth, batch)[name] for batch in (1, 1000))
        np.testing.assert_allclose(few, all_at_once, rtol=1e-5)


@pytest.mark.parametrize("side", [3, 4, 7, 10, 11])
def test_ssim_of_small_frames_is_finite(side):
    frames = np.random.default_rng(side).integers(0, 256, (2, 1, 2, side, side + 5, 3), dtype=np.uint8)
    scores = score_frames(frames, frames)
    np.testing.assert_allclose(scores["ssim"], 1.0, atol=1e-5)
    assert (score_frames(frames[::-1], frames)["ssim"] < 0.9).all()


def test_sharpness_is_the_ratio_of_gradient_energies(truth):
    halved = (truth // 2 + 30).astype(np.uint8)
    np.testing.assert_allclose(score_frames(halved, truth)["sharpness"], 0.25, rtol=0.03)


def test_blur_lowers_and_noise_raises_sharpness(truth):
    blurred = uniform_filter(truth, (1, 1, 1, 3, 3, 1))
    assert (score_frames(blurred, truth)["sharpness"] < 0.8).all()
    assert (score_frames(noisy(truth, 30), truth)["sharpness"] > 1.2).all()


def test_sharpness_against_a_blank_frame_is_no_number():
    blank = torch.full((1, 3, 8, 8), 0.4)
    assert torch.isnan(sharpness(torch.rand(1, 3, 8, 8), blank)).all()


def test_bad_input_is_named(truth):
    with pytest.raises(LamoError, match="expected"):
        score_frames(truth[:, :, :2], truth)
    with pytest.raises(LamoError, match="float64"):
        score_frames(truth.astype(float), truth)
    with pytest.raises(LamoError, match="3 x 3"):
        score_frames(truth[..., :2, :2, :], truth[..., :2, :2, :])
