"""Distances of distributions: extrapolation to infinitely many frames, grouping by seed, intervals."""

import math

import numpy as np
import pytest

from lamo.metrics.distribution import (
    MIN_CLIPS,
    _first_halves,
    _frechet,
    all_distances,
    distance_interval,
    extrapolate,
)
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.kid import kernel_distance
from lamo.metrics.rows import distance_names
from lamo.statistics.intervals import MIN_UNITS, ClipBootstrap, LeftOut, clip_groups


def bootstrap_of(clips: int, resamples: int = 60, windows: int = 2) -> ClipBootstrap:
    return ClipBootstrap(np.repeat(np.arange(clips), windows).astype(str).tolist(), resamples, 0)


@pytest.mark.parametrize(("clips", "width"), [(40, 4), (41, 16)])
def test_the_bias_falls_to_a_few_hundredths_of_what_it_was(clips, width):
    """Two normal distributions, means 0.2 and scales 0.2 apart: the distance is 0.08 per feature."""
    generator, bootstrap = np.random.default_rng(0), bootstrap_of(clips)
    finite, infinite, halves = [], [], _first_halves(clips, 0)[:10]
    for _ in range(40):
        x, y = generator.normal(size=(2, 2 * clips, width))
        y = 1.2 * y + 0.2
        finite.append(frechet_distance(x, y))
        infinite.append(extrapolate(x, [[y]], bootstrap.index, np.ones((1, clips)), halves)[0, 0])
    true, error = 0.08 * width, np.std(infinite) / math.sqrt(40)
    assert np.mean(finite) - true > 5 * error
    assert abs(np.mean(infinite) - true) < 0.1 * (np.mean(finite) - true) + 3 * error


def test_halves_are_of_whole_clips():
    """Twenty windows of each clip are alike: halves of windows would see every clip and find next to no bias."""
    generator, clips = np.random.default_rng(1), 40
    x, y = generator.normal(size=(2, clips, 6)).repeat(20, axis=1)
    found = extrapolate(
        x, [[y]], bootstrap_of(clips, windows=20).index, np.ones((1, clips)), _first_halves(clips, 0)[:20]
    )[0, 0]
    assert found < 0.4 * frechet_distance(x, y)


def test_seeds_are_groups_and_rows_their_means():
    generator, bootstrap = np.random.default_rng(2), bootstrap_of(10)
    x = generator.normal(size=(20, 3))
    groups = [[generator.normal(size=(20, 3)) + shift for _ in range(2)] for shift in (0.0, 0.5, 2.0)]
    frechet, infinite, kernel = all_distances(x, groups, bootstrap)
    for found, distance in ((frechet, frechet_distance), (kernel, kernel_distance)):
        np.testing.assert_allclose(found.sets, [[distance(x, one) for one in group] for group in groups])
        np.testing.assert_allclose(found.value, np.mean(found.sets, axis=1))
    assert not any(infinite.sets)
    row = frechet.row(slice(1, 3))
    assert row.value[0] == pytest.approx(frechet.value[1:].mean())
    np.testing.assert_allclose(row.seeds[:, 0], frechet.value[1:])
    np.testing.assert_allclose(row.without[:, 0], frechet.without[:, 1:].mean(axis=1))
    both, alone = (distance_interval(frechet.row(one), bootstrap, signed=False) for one in (slice(1, 3), slice(2, 3)))
    assert both.high - both.low > alone.high - alone.low  # the seeds are far apart
    assert both.low == 0.0  # and a distance is not below 0


def test_intervals_cover_what_is_expected_and_are_not_far_too_long():
    """Of a distance and of a difference of two to the same truth; a large part of either is bias."""
    generator, bootstrap = np.random.default_rng(4), bootstrap_of(30, 500, windows=1)
    scales, values, bounds = np.linspace(2, 0.3, 12), [], []
    for _ in range(200):
        truth, noise, more = scales * generator.normal(size=(3, 30, 12))
        rows = [0.3 * truth + noise, 0.3 * truth + 1.2 * more + 0.3]
        found = _frechet(truth, [[one] for one in rows], bootstrap)
        first, second = (found.row(slice(g, g + 1)) for g in range(2))
        apart = LeftOut(*(getattr(first, name) - getattr(second, name) for name in ("value", "without", "seeds")))
        intervals = [bootstrap.intervals(bootstrap.linear(one))[0] for one in (first, apart)]
        values.append([one.mean for one in intervals])
        bounds.append([(one.low, one.high) for one in intervals])
    low, high = np.moveaxis(bounds, -1, 0)
    expected, error = np.mean(values, axis=0), np.std(values, axis=0)
    assert (np.mean((low <= expected) & (expected <= high), axis=0) > 0.92).all()
    assert (np.mean(high - low, axis=0) < 1.5 * 2 * 1.96 * error).all()


def test_the_bias_is_told_by_the_clips_left_out():
    generator, bootstrap = np.random.default_rng(5), bootstrap_of(60, windows=1)
    pairs = generator.normal(size=(30, 2, 60, 6))  # of one distribution: all of the distance is bias
    found = [_frechet(x, [[y]], bootstrap).row(slice(0, 1)) for x, y in pairs]
    told = np.mean([one.bias[0] / one.value[0] for one in found])
    assert 0.8 < told < 1.3


def test_groups_of_clips_stand_for_many_clips():
    clips = [f"clip {number}" for number in range(30) for _ in range(2)]
    assert clip_groups(clips, 30, 0) == clips
    groups = clip_groups(clips, 7, 0)
    assert groups[::2] == groups[1::2]
    assert sorted(groups.count(one) for one in set(groups)) == [8, 8, 8, 8, 8, 10, 10]
    assert clip_groups(clips, 7, 1) != groups


def test_few_clips_have_no_distance_at_infinity_and_no_interval():
    x = np.random.default_rng(3).normal(size=(6, 3))
    _, infinite, _ = all_distances(x, [[x + 1]], bootstrap_of(MIN_CLIPS - 1))
    assert np.isnan(infinite.value).all()
    for few in (ClipBootstrap(["a"] * 6, 60, 0), ClipBootstrap(list("aaabbb"), 60, 0)):
        for found, signed in zip(all_distances(x, [[x + 1]], few), (False, True, True), strict=True):
            interval = distance_interval(found.row(slice(0, 1)), few, signed)
            assert math.isnan(interval.low)
            assert math.isnan(interval.high)
    # Six clips of one window leave two frames even in a half without one of its clips.
    for clips in (MIN_UNITS, MIN_UNITS - 1):
        bootstrap = bootstrap_of(clips, windows=1)
        for found in all_distances(x[:clips], [[x[:clips] + 1]], bootstrap):
            interval = distance_interval(found.row(slice(0, 1)), bootstrap, signed=True)
            assert math.isfinite(interval.mean)
            assert math.isfinite(interval.low) == (clips == MIN_UNITS)


def test_names():
    assert distance_names("fid") == ("fid", "fid_inf", "kid_inception")
    assert distance_names("fd_world") == ("fd_world", "fd_world_inf", "kid_world")
