"""Bootstrap intervals: coverage by simulation, and what moves together."""

import math

import numpy as np
import pytest

from lamo.metrics.intervals import ClipBootstrap


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


def test_recentring_moves_the_replicates_onto_the_value():
    bootstrap = ClipBootstrap(list("abcdefghij"), 200, 0)
    replicates = np.random.default_rng(0).normal(7.0, 1.0, 4000)
    interval = bootstrap.interval(5.0, replicates, recentre=True)
    assert interval.low + interval.high == pytest.approx(10.0, abs=0.3)


def test_window_weights_draw_whole_clips():
    weights = ClipBootstrap(["a", "b", "a", "c"], 50, 0).window_weights
    assert weights.shape == (50, 4)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), 3)
