"""Frames and network inputs, measures of images against independent formulas, and the state that later stages see."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import peak_signal_noise_ratio

from lamo.errors import LamoError
from lamo.images import MEAN, STD, blur, blur_frames, gradient_energy, psnr, ssim, to_input, to_uint8, to_unit
from lamo.midway.state import state_tokens


def test_frames_come_back_from_the_unit_range():
    frames = np.arange(256, dtype=np.uint8).reshape(1, 2, 8, 16, 1).repeat(3, axis=-1)
    unit = to_unit(frames)
    assert unit.shape == (1, 2, 3, 8, 16)
    assert (float(unit.min()), float(unit.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(to_uint8(unit), frames)


def test_pixels_out_of_range_are_clamped_and_others_rounded():
    image = torch.tensor([-0.5, 1.5, 100.4 / 255, 100.6 / 255]).view(1, 2, 2).expand(3, -1, -1)
    assert to_uint8(image)[..., 0].tolist() == [[0, 255], [100, 101]]


def test_inputs_have_the_published_normalisation_per_channel():
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    images = to_input(frames)
    expected = (frames / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)


@pytest.fixture
def images() -> torch.Tensor:
    noise = np.random.default_rng(0).uniform(0, 255, (4, 24, 40, 3))
    smooth = gaussian_filter(noise, (0, 1.5, 1.5, 0))
    return to_unit((128 + 4 * (smooth - 127.5)).clip(0, 255).astype(np.uint8))


def test_psnr_is_that_of_torchmetrics_to_the_last_bit_up_to_the_cap(images):
    other = images.flip(0)
    expected = peak_signal_noise_ratio(other, images, data_range=1.0, reduction="none", dim=(1, 2, 3)).flatten()
    assert torch.equal(psnr(other, images, 100.0), expected)
    assert torch.equal(psnr(other, images, 5.0), torch.full((4,), 5.0))
    assert torch.equal(psnr(images, images, 100.0), torch.full((4,), 100.0))
    black = torch.zeros(1, 3, 4, 4)
    assert float(psnr(black, black + 1, 100.0)) == 0.0


def test_ssim_follows_its_definition_away_from_the_border():
    """Wang et al.'s formula with a Gaussian window, by SciPy, on an image that is constant near its border."""
    generator = np.random.default_rng(3)
    first, second = np.full((2, 40, 48), 0.5)
    first[15:25, 15:33] = generator.uniform(0, 1, (10, 18))
    second[15:25, 15:33] = generator.uniform(0, 1, (10, 18))

    def smooth(image):
        return gaussian_filter(image, 1.5, radius=5)

    mu_1, mu_2 = smooth(first), smooth(second)
    var_1, var_2 = smooth(first**2) - mu_1**2, smooth(second**2) - mu_2**2
    covariance = smooth(first * second) - mu_1 * mu_2
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mu_1 * mu_2 + c1) * (2 * covariance + c2) / ((mu_1**2 + mu_2**2 + c1) * (var_1 + var_2 + c2))
    images = (torch.tensor(x, dtype=torch.float32).expand(1, 3, *x.shape) for x in (first, second))
    assert float(ssim(*images)) == pytest.approx(expected.mean(), abs=1e-4)


def test_ssim_is_symmetric_and_falls_with_noise(images):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    noisy = [(images + sigma * noise).clamp(0, 1) for sigma in (0.01, 0.03, 0.12)]
    torch.testing.assert_close(ssim(images, noisy[0]), ssim(noisy[0], images))
    values = [float(ssim(one, images).mean()) for one in noisy]
    assert values == sorted(values, reverse=True)


def test_ssim_of_tiny_frames_is_refused(images):
    with pytest.raises(LamoError, match=r"found frames of \(2, 2\) pixels, expected at least 3 x 3"):
        ssim(images[..., :2, :2], images[..., :2, :2])


def test_gradient_energy_is_the_mean_square_of_neighbours_differences(images):
    x = images.numpy()
    expected = np.square(np.diff(x, axis=2)).mean((1, 2, 3)) + np.square(np.diff(x, axis=3)).mean((1, 2, 3))
    np.testing.assert_allclose(gradient_energy(images).numpy(), expected, rtol=1e-5)


def test_blur_of_frames_keeps_the_mean_and_constant_frames():
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    soft = blur_frames(frames, 1.5)
    assert abs(float(soft.mean()) - float(frames.mean())) < 2
    assert np.diff(soft.astype(float), axis=1).std() < 0.3 * np.diff(frames.astype(float), axis=1).std()
    constant = np.full((1, 8, 8, 3), 77, np.uint8)
    np.testing.assert_array_equal(blur_frames(constant, 3.0), constant)
    np.testing.assert_array_equal(blur_frames(frames, 1.5)[0], blur_frames(frames[0], 1.5))
    np.testing.assert_array_equal(blur_frames(frames, 0), frames)


def test_both_blurs_are_nearly_the_same_away_from_the_border(images):
    assert torch.equal(blur(images, 0.0), images)
    fine = gaussian_filter(images.numpy(), (0, 0, 1.5, 1.5))
    np.testing.assert_allclose(blur(images, 1.5)[..., 6:-6, 6:-6].numpy(), fine[..., 6:-6, 6:-6], atol=5e-3)


def test_the_state_is_the_patches_of_the_chosen_levels_side_by_side():
    z = tuple(torch.randn(2, 7, 5) for _ in range(3))
    state = state_tokens(z, (2, 0))
    assert state.shape == (2, 6, 10)
    assert torch.equal(state[..., :5], z[2][:, 1:])
    assert torch.equal(state[..., 5:], z[0][:, 1:])


@pytest.mark.parametrize("level", [3, -1])
def test_levels_that_the_pyramid_has_not_are_named(level):
    with pytest.raises(LamoError, match=r"latents\.levels: .*expected pyramid levels 0 to 2"):
        state_tokens(tuple(torch.randn(2, 7, 5) for _ in range(3)), (0, level))
