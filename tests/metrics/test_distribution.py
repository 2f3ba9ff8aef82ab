"""Distances of distributions: what is left out for their intervals, and what these cover."""

import math

import numpy as np
import pytest

from lamo.metrics.config import BootstrapConfig
from lamo.metrics.distribution import Distance, FrameSets, pseudo_values
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.rows import distance_names
from lamo.statistics.intervals import MIN_UNITS, LeftOut, clip_groups
from lamo.stores.rollouts import Window


def sets_of(clips: int, windows: int = 2, seeds: np.ndarray | None = None, resamples: int = 100) -> FrameSets:
    chosen = [Window(f"{clip:03d}", start) for clip in range(clips) for start in range(windows)]
    return FrameSets(chosen, seeds, BootstrapConfig(resamples=resamples))


def test_clips_and_seeds_are_left_out_in_turn():
    generator = np.random.default_rng(2)
    x, y, z = generator.normal(size=(3, 20, 3))
    seeds = np.arange(20) % 2
    clips = np.arange(20) // 2
    for found, other in (
        sets_of(10, seeds=seeds).frechet(x, [y, z]),
        sets_of(10, seeds=seeds).frechet(x, [y, z])[::-1],
    ):
        assert isinstance(found, Distance)
        assert other.value != found.value
    found, _ = sets_of(10, seeds=seeds).frechet(x, [y, z])
    assert found.value == pytest.approx(frechet_distance(x, y))
    for left_out, values in ((clips, found.without_clip), (seeds, found.without_seed)):
        expected = [frechet_distance(x[left_out != one], y[left_out != one]) for one in np.unique(left_out)]
        np.testing.assert_allclose(values, expected)


def test_without_more_windows_than_features_also_when_a_clip_is_left_out_the_distance_stands_alone():
    """18 windows of 9 clips: without one clip 16 are left."""
    x, y = np.random.default_rng(9).normal(size=(2, 18, 20))
    for width, value, left_out in ((15, True, True), (16, True, False), (17, True, False), (18, False, False)):
        (found,) = sets_of(9).frechet(x[:, :width], [y[:, :width]])
        assert np.isfinite(found.value) == value
        assert np.isfinite(found.without_clip).all() == left_out
        assert np.isfinite(found.without_clip).any() == left_out


def test_what_a_seed_stands_for_is_its_own_value_where_the_statistic_is_a_mean():
    values = np.array([1.0, 4.0, 7.0])
    without = np.array([np.delete(values, k).mean() for k in range(3)])
    np.testing.assert_allclose(pseudo_values(values.mean(), without), values)
    assert pseudo_values(2.5, np.empty(0)).tolist() == [2.5]


def test_seeds_that_differ_make_the_interval_longer():
    generator = np.random.default_rng(3)
    seeds = np.arange(120) % 3
    sets = sets_of(40, 3, seeds)
    x, y = generator.normal(size=(2, 120, 4))
    shifted = y + np.array([0.0, 0.5, 3.0])[seeds][:, None]
    for distance in (sets.frechet, sets.kernel):
        alike, apart = distance(x, [y, shifted])
        assert np.std(apart.seeds) > 5 * np.std(alike.seeds)
        interval = sets.interval(apart, signed=True)
        alone = sets.interval(Distance(apart.value, apart.without_clip, np.empty(0)), signed=True)
        assert interval.high - interval.low > 2 * (alone.high - alone.low)
        assert sets.interval(apart, signed=False).low == 0.0


def test_intervals_cover_what_is_expected_and_are_not_far_too_long():
    """Of a distance and of a difference of two to the same truth; a large part of either is bias."""
    generator, sets = np.random.default_rng(4), sets_of(30, 1, resamples=500)
    scales, values, bounds = np.linspace(2, 0.3, 12), [], []
    for _ in range(200):
        truth, noise, more = scales * generator.normal(size=(3, 30, 12))
        rows = [0.3 * truth + noise, 0.3 * truth + 1.2 * more + 0.3]
        first, second = (one.left_out for one in sets.frechet(truth, rows))
        apart = LeftOut(*(getattr(first, name) - getattr(second, name) for name in ("value", "without", "seeds")))
        intervals = [sets.bootstrap.intervals(sets.bootstrap.linear(one))[0] for one in (first, apart)]
        values.append([one.mean for one in intervals])
        bounds.append([(one.low, one.high) for one in intervals])
    low, high = np.moveaxis(bounds, -1, 0)
    expected, error = np.mean(values, axis=0), np.std(values, axis=0)
    assert (np.mean((low <= expected) & (expected <= high), axis=0) > 0.92).all()
    assert (np.mean(high - low, axis=0) < 1.5 * 2 * 1.96 * error).all()


def test_the_bias_is_told_by_the_clips_left_out():
    generator, sets = np.random.default_rng(5), sets_of(60, 1)
    pairs = generator.normal(size=(30, 2, 60, 6))  # of one distribution: all of the distance is bias
    found = [sets.frechet(x, [y])[0] for x, y in pairs]
    told = np.mean([one.left_out.bias[0] / one.value for one in found])
    assert 0.8 < told < 1.3


def test_groups_of_clips_stand_for_many_clips():
    clips = [f"clip {number}" for number in range(30) for _ in range(2)]
    assert clip_groups(clips, 30, 0) == clips
    groups = clip_groups(clips, 7, 0)
    assert groups[::2] == groups[1::2]
    assert sorted(groups.count(one) for one in set(groups)) == [8, 8, 8, 8, 8, 10, 10]
    assert clip_groups(clips, 7, 1) != groups


@pytest.mark.parametrize("clips", [1, MIN_UNITS - 1, MIN_UNITS])
def test_few_clips_have_no_interval_and_one_has_no_kernel_distance(clips):
    x = np.random.default_rng(6).normal(size=(4 * clips, 3))
    sets = sets_of(clips, 4)
    for distance, known in ((sets.frechet, True), (sets.kernel, clips > 1)):
        (found,) = distance(x, [x + 1])
        interval = sets.interval(found, signed=True)
        assert math.isfinite(interval.mean) == known
        assert math.isfinite(interval.low) == (clips == MIN_UNITS)
        assert math.isfinite(interval.high) == (clips == MIN_UNITS)


def test_a_frechet_distance_takes_more_windows_than_features():
    x = np.random.default_rng(7).normal(size=(20, 20))
    for width, known in ((20, False), (19, True)):
        (found,) = sets_of(10).frechet(x[:, :width], [x[:, :width] + 1])
        assert math.isfinite(found.value) == known
    # Windows that seeds share count once.
    shared = FrameSets([Window("a", i // 2) for i in range(20)], None, BootstrapConfig())
    assert shared.different == 10
    assert not shared.can_have_frechet(10)


def test_names():
    assert distance_names("fid") == ("fid", "kid_inception")
    assert distance_names("fd_world") == ("fd_world", "kid_world")
