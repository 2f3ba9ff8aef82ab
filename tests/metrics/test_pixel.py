"""PSNR, SSIM and sharpness against independent formulas and known properties."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter

from lamo.errors import LamoError
from lamo.metrics.pixel import PSNR_CAP, gradient_energy, score_frames, sharpness, ssim, to_images


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
    np.testing.assert_allclose(score_frames(predicted, truth).psnr, expected, atol=1e-3)


def test_identical_frames_score_the_cap_one_and_one(truth):
    scores = score_frames(truth, truth)
    np.testing.assert_allclose(scores.psnr, PSNR_CAP)
    np.testing.assert_allclose(scores.ssim, 1.0, atol=1e-5)
    np.testing.assert_allclose(scores.sharpness, 1.0)
    assert math.isclose(PSNR_CAP, 58.92, abs_tol=0.01)


def test_scores_do_not_depend_on_the_batch(truth):
    predicted = np.concatenate([noisy(truth, 5), noisy(truth, 20)], axis=1)
    for name in ("psnr", "ssim", "sharpness"):
        few, all_at_once = (getattr(score_frames(predicted, truth, batch), name) for batch in (1, 1000))
        np.testing.assert_allclose(few, all_at_once, rtol=1e-5)


def test_ssim_follows_its_definition_away_from_the_border():
    """Wang et al.'s formula with a Gaussian window, by SciPy, on an image that is constant near its border."""
    generator = np.random.default_rng(3)
    first, second = np.full((2, 40, 48), 0.5)
    first[15:25, 15:33] = generator.uniform(0, 1, (10, 18))
    second[15:25, 15:33] = generator.uniform(0, 1, (10, 18))

    def blur(image):
        return gaussian_filter(image, 1.5, radius=5)

    mu_1, mu_2 = blur(first), blur(second)
    var_1, var_2 = blur(first**2) - mu_1**2, blur(second**2) - mu_2**2
    covariance = blur(first * second) - mu_1 * mu_2
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mu_1 * mu_2 + c1) * (2 * covariance + c2) / ((mu_1**2 + mu_2**2 + c1) * (var_1 + var_2 + c2))
    images = (torch.tensor(x, dtype=torch.float32).expand(1, 3, *x.shape) for x in (first, second))
    assert float(ssim(*images)) == pytest.approx(expected.mean(), abs=1e-4)


def test_ssim_is_symmetric_and_falls_with_noise(truth):
    a, b = to_images(truth), to_images(noisy(truth, 20))
    torch.testing.assert_close(ssim(a, b), ssim(b, a))
    values = [float(ssim(to_images(noisy(truth, s)), a).mean()) for s in (2, 8, 32)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("side", [3, 4, 7, 10, 11])
def test_ssim_of_small_frames_is_finite(side):
    frames = np.random.default_rng(side).integers(0, 256, (2, 1, 2, side, side + 5, 3), dtype=np.uint8)
    scores = score_frames(frames, frames)
    np.testing.assert_allclose(scores.ssim, 1.0, atol=1e-5)
    assert (score_frames(frames[::-1], frames).ssim < 0.9).all()


def test_sharpness_is_the_ratio_of_gradient_energies(truth):
    halved = (truth // 2 + 30).astype(np.uint8)
    np.testing.assert_allclose(score_frames(halved, truth).sharpness, 0.25, rtol=0.03)
    x = to_images(truth).numpy()
    expected = np.square(np.diff(x, axis=2)).mean((1, 2, 3)) + np.square(np.diff(x, axis=3)).mean((1, 2, 3))
    np.testing.assert_allclose(gradient_energy(to_images(truth)).numpy(), expected, rtol=1e-5)


def test_blur_lowers_and_noise_raises_sharpness(truth):
    blurred = uniform_filter(truth, (1, 1, 1, 3, 3, 1))
    assert (score_frames(blurred, truth).sharpness < 0.8).all()
    assert (score_frames(noisy(truth, 30), truth).sharpness > 1.2).all()


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
