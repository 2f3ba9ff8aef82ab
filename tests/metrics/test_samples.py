"""Scores of several samples together against direct formulas, and against what they must be in expectation."""

import math

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.metrics.pixel import PSNR_CAP, score_frames
from lamo.metrics.samples import SAMPLE_METRICS, coverage_of, energy_score, frame_distances, score_samples


def draw(seed: int, windows: int = 3, samples: int = 4, steps: int = 2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    frames = generator.integers(0, 256, (windows, samples + 1, steps, 12, 16, 3), dtype=np.uint8)
    return frames[:, 1:], frames[:, :1]


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square((a.astype(float) - b) / 255))))


def together(predicted, truth, batch=256):
    return score_samples(predicted, truth, 255 - truth, score_frames(predicted, truth), predicted.shape[1] == 1, batch)


def test_distances_are_the_formula():
    predicted, truth = draw(0)
    error, spread = frame_distances(predicted, truth)
    assert error.shape == (3, 4, 2)
    assert error[1, 2, 1] == pytest.approx(rms(predicted[1, 2, 1], truth[1, 0, 1]))
    pairs = [rms(predicted[2, a, 0], predicted[2, b, 0]) for a in range(4) for b in range(4) if a != b]
    assert spread[2, 0] == pytest.approx(np.mean(pairs))
    assert energy_score(error, spread, False)[2, 0] == pytest.approx(error[2, :, 0].mean() - np.mean(pairs) / 2)


def test_equal_frames_have_no_distance_at_all():
    _, truth = draw(1)
    error, spread = frame_distances(np.repeat(truth, 3, axis=1), truth)
    assert not error.any()
    assert not spread.any()


def test_the_energy_score_is_unbiased_and_prefers_the_true_distribution():
    """Scalars in place of frames, x ~ N(0, s^2) and y ~ N(0, 1): E|x - y| = sqrt(2 / pi) sqrt(1 + s^2) and
    E|x - x'| = 2 s / sqrt(pi)."""
    generator = np.random.default_rng(2)
    means = {}
    for samples in (2, 8):
        for scale in (0.5, 1.0, 2.0):
            x, y = scale * generator.normal(size=(60_000, samples, 1)), generator.normal(size=(60_000, 1, 1))
            first, second = np.triu_indices(samples, 1)
            spread = np.abs(x[:, first] - x[:, second]).mean(axis=1)
            means[samples, scale] = float(energy_score(np.abs(x - y), spread, False).mean())
            expected = math.sqrt(2 / math.pi) * math.sqrt(1 + scale**2) - scale / math.sqrt(math.pi)
            assert means[samples, scale] == pytest.approx(expected, abs=0.012)
        assert means[samples, 1.0] < min(means[samples, 0.5], means[samples, 2.0])


@pytest.mark.parametrize("levels", [256, 6, 2, 1])
@pytest.mark.parametrize("samples", [2, 4, 8])
def test_coverage_is_nominal_where_truth_and_samples_are_alike_whatever_ties(samples, levels):
    generator = np.random.default_rng(samples)
    frames = (generator.integers(0, levels, (40, samples + 1, 2, 24, 32, 3)) * (255 // max(levels - 1, 1))).astype(
        np.uint8
    )
    found = coverage_of(frames[:, 1:], frames[:, :1])
    assert found.shape == (40, 2)
    assert found.mean() == pytest.approx((samples - 1) / (samples + 1), abs=0.004)


def test_coverage_of_samples_that_are_too_narrow_or_too_wide():
    generator = np.random.default_rng(3)
    truth = generator.normal(128, 20, (8, 1, 1, 24, 32, 3)).clip(0, 255).astype(np.uint8)
    narrow, wide = (generator.normal(128, s, (8, 4, 1, 24, 32, 3)).clip(0, 255).astype(np.uint8) for s in (5, 60))
    assert coverage_of(narrow, truth).mean() < 0.4 < 0.6 < 0.75 < coverage_of(wide, truth).mean()
    assert coverage_of(np.repeat(truth, 4, axis=1) + 1, truth).max() < 0.01  # all samples on one side


def test_best_and_mean_are_those_of_each_window_and_step():
    predicted, truth = draw(4)
    single, found = score_frames(predicted, truth), together(predicted, truth)
    np.testing.assert_array_equal(found["psnr_best"], single["psnr"].max(axis=1))
    np.testing.assert_array_equal(found["ssim_best"], single["ssim"].max(axis=1))
    mean = predicted.astype(float).mean(axis=1)
    expected = 10 * np.log10(255**2 / np.square(mean - truth[:, 0]).mean(axis=(-3, -2, -1)))
    np.testing.assert_allclose(found["psnr_mean"], expected, rtol=1e-5)
    assert (found["psnr_mean"] > found["psnr_best"]).all()  # of independent noise, the mean is nearest
    # a mean that is a whole number can be scored as a frame
    pair = np.stack([truth[:, 0] // 2 + 10, truth[:, 0] // 2 + 30], axis=1)
    middle = (truth[:, :1] // 2 + 20).astype(np.uint8)
    np.testing.assert_allclose(
        together(pair, truth)["ssim_mean"], score_frames(middle, truth)["ssim"][:, 0], rtol=1e-4, atol=1e-6
    )


def test_one_sample_is_its_own_best_and_mean_and_has_no_spread():
    predicted, truth = draw(5, samples=1)
    single, found = score_frames(predicted, truth), together(predicted, truth)
    for name in ("best", "mean"):
        np.testing.assert_allclose(found[f"psnr_{name}"], single["psnr"][:, 0], rtol=1e-6)
        np.testing.assert_allclose(found[f"ssim_{name}"], single["ssim"][:, 0], rtol=1e-6)
    np.testing.assert_allclose(found["energy_score"], np.sqrt(single["mse"][:, 0]), rtol=1e-5)
    assert np.isnan(found["spread"]).all()
    assert np.isnan(found["coverage"]).all()
    assert np.isnan(found["coverage_oracle"]).all()
    np.testing.assert_allclose(together(truth, truth)["psnr_mean"], PSNR_CAP)


def test_coverage_of_the_oracle_is_that_of_its_frames():
    predicted, truth = draw(8)
    np.testing.assert_array_equal(together(predicted, truth)["coverage_oracle"], coverage_of(predicted, 255 - truth))


def test_batches_change_nothing():
    predicted, truth = draw(6, windows=5)
    few, all_at_once = together(predicted, truth, 1), together(predicted, truth, 1000)
    for name in SAMPLE_METRICS:
        assert few[name].shape == (5, 2)
        np.testing.assert_allclose(few[name], all_at_once[name], rtol=1e-5)


def test_other_shapes_are_refused():
    predicted, truth = draw(7)
    with pytest.raises(LamoError, match="frames to score"):
        score_samples(predicted[:, :, :1], truth, truth, score_frames(predicted, truth), False)
