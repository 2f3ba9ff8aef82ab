"""Bootstrap intervals: coverage by simulation, and what moves together."""

import math

import numpy as np
import pytest

from lamo.statistics.intervals import ClipBootstrap, LeftOut


@pytest.mark.parametrize("clips", [8, 20])
def test_coverage_is_near_95_percent(clips):
    """Windows and samples of a clip share its effect; the interval must cover the true mean, 0."""
    generator = np.random.default_rng(clips)
    bootstrap = ClipBootstrap(np.repeat(np.arange(clips), 3).astype(str).tolist(), 500, 0)
    effect = np.repeat(generator.normal(size=(1000, clips)), 3, axis=1)
    values = effect[:, :, None] + 0.5 * generator.normal(size=(1000, 3 * clips, 2))
    intervals = bootstrap.means(np.moveaxis(values, 0, -1))
    assert np.mean([i.low <= 0 <= i.high for i in intervals]) == pytest.approx(0.95, abs=0.025)


def test_treating_windows_as_independent_would_not_cover():
    """The reason for resampling clips: 10 windows per clip as 10 clips give intervals that are far too short."""
    generator = np.random.default_rng(0)
    values = np.repeat(generator.normal(size=(12, 1)), 10, axis=0)
    right = ClipBootstrap(np.repeat(np.arange(12), 10).tolist(), 500, 0).mean(values)
    wrong = ClipBootstrap(np.arange(120).tolist(), 500, 0).mean(values)
    assert right.high - right.low > 2.5 * (wrong.high - wrong.low)


def test_mean_weighs_every_value_alike_and_leaves_nan_out():
    values = np.array([[1.0, 2.0], [3.0, np.nan], [10.0, 10.0]])
    interval = ClipBootstrap(["a", "a", "b"], 200, 0).mean(values)
    assert interval.mean == pytest.approx(26 / 5)
    assert 2.0 <= interval.low <= interval.mean <= interval.high <= 10.0


def test_order_of_windows_and_axes_does_not_matter():
    generator = np.random.default_rng(1)
    clips, values = np.repeat(list("abcdef"), 4), generator.normal(size=(24, 3, 2))
    order = generator.permutation(24)
    first = ClipBootstrap(clips.tolist(), 300, 5).mean(values)
    second = ClipBootstrap(clips[order].tolist(), 300, 5).mean(values[order].reshape(24, 6))
    assert (first.mean, first.low, first.high) == pytest.approx((second.mean, second.low, second.high))


def test_is_seeded():
    values = np.random.default_rng(2).normal(size=(20, 1))
    clips = [str(i) for i in range(20)]
    assert ClipBootstrap(clips, 300, 0).mean(values) == ClipBootstrap(clips, 300, 0).mean(values)
    assert ClipBootstrap(clips, 300, 0).mean(values) != ClipBootstrap(clips, 300, 1).mean(values)


def test_one_clip_has_no_interval():
    interval = ClipBootstrap(["a", "a"], 200, 0).mean(np.array([[1.0], [2.0]]))
    assert interval.mean == 1.5
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_of_a_mean_leaving_clips_out_says_what_resampling_them_says():
    values = np.random.default_rng(0).normal(5.0, 1.0, (12, 1, 2))
    bootstrap = ClipBootstrap(list("abcdefghijkl"), 200, 0)
    drawn = bootstrap.replicates(values)
    found = LeftOut(drawn.value, bootstrap.weights_without @ values[:, 0] / 11, drawn.seeds)
    np.testing.assert_allclose(bootstrap.linear(found).resampled, drawn.resampled)
    np.testing.assert_allclose(found.bias, 0, atol=1e-12)


def test_window_weights_draw_whole_clips():
    weights = ClipBootstrap(["a", "b", "a", "c"], 50, 0).window_weights
    assert weights.shape == (50, 4)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), 3)


@pytest.mark.parametrize("interaction", [0.0, 1.0])
@pytest.mark.parametrize("effect", [3.0, 1.0, 0.0])
@pytest.mark.parametrize("clips", [10, 40])
@pytest.mark.parametrize("seeds", [3, 5])
def test_coverage_over_clips_and_seeds(seeds, clips, effect, interaction):
    """Value = effect of the clip + effect of the seed + interaction; every seed is scored on the same clips. The true
    mean is that over all clips and seeds, 0. 700 repetitions: standard error 0.8 %."""
    generator = np.random.default_rng([seeds, clips])
    of_clips, of_seeds = generator.normal(size=(clips, 1, 700)), generator.normal(size=(1, seeds, 700))
    both = generator.normal(size=(clips, seeds, 700))
    bootstrap = ClipBootstrap([str(i) for i in range(clips)], 300, 0)
    intervals = bootstrap.means(of_clips + effect * of_seeds + interaction * both, seeded=True)
    coverage = np.mean([i.low <= 0 <= i.high for i in intervals])
    assert 0.92 <= coverage <= 0.995
    if effect:
        # what resampling clips alone would give
        short = bootstrap.means(of_clips + effect * of_seeds + interaction * both)
        assert np.mean([i.low <= 0 <= i.high for i in short]) < coverage - 0.1


def test_one_seed_adds_nothing_and_means_stay_the_same():
    values = np.random.default_rng(3).normal(size=(20, 3, 2))
    bootstrap = ClipBootstrap([str(i) for i in range(20)], 300, 0)
    assert bootstrap.mean(values[:, :1], seeded=True) == bootstrap.mean(values[:, :1])
    assert bootstrap.mean(values, seeded=True).mean == pytest.approx(bootstrap.mean(values).mean)


def test_seeds_that_agree_change_the_interval_by_little_only():
    """s is 0 where all seeds have the same mean: the interval is that over clips."""
    values = np.random.default_rng(4).normal(size=(20, 1)).repeat(3, axis=1)
    bootstrap = ClipBootstrap([str(i) for i in range(20)], 1000, 0)
    one, three = bootstrap.mean(values[:, :1]), bootstrap.mean(values, seeded=True)
    assert (three.low, three.high) == pytest.approx((one.low, one.high), abs=0.03 * (one.high - one.low))


def test_the_part_over_seeds_is_students_t():
    """Without any effect of clips: the mean plus or minus t s / sqrt(K)."""
    means = np.array([1.0, 2.0, 6.0])
    found = ClipBootstrap([str(i) for i in range(10)], 300, 0).mean(np.tile(means, (10, 1)), seeded=True)
    half = 4.3027 * means.std(ddof=1) / math.sqrt(3)
    assert (found.mean, found.low, found.high) == pytest.approx((3.0, 3.0 - half, 3.0 + half), rel=0.01)
