"""Distances of distributions: extrapolation to infinitely many frames, grouping by seed, intervals."""

import math

import numpy as np
import pytest

from lamo.metrics.distribution import MIN_CLIPS, all_distances, distance_interval, extrapolate, metric_names
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.intervals import ClipBootstrap
from lamo.metrics.kid import kernel_distance


def bootstrap_of(clips: int, resamples: int = 60, windows: int = 2) -> ClipBootstrap:
    return ClipBootstrap(np.repeat(np.arange(clips), windows).astype(str).tolist(), resamples, 0)


@pytest.mark.parametrize(("clips", "width"), [(40, 4), (41, 16)])
def test_the_bias_falls_to_a_few_hundredths_of_what_it_was(clips, width):
    """Two normal distributions, means 0.2 and scales 0.2 apart: the distance is 0.08 per feature."""
    generator, bootstrap = np.random.default_rng(0), bootstrap_of(clips)
    finite, infinite = [], []
    for _ in range(40):
        x, y = generator.normal(size=(2, 2 * clips, width))
        y = 1.2 * y + 0.2
        finite.append(frechet_distance(x, y))
        infinite.append(extrapolate(x, [[y]], bootstrap, np.ones((1, clips)), 10)[0, 0])
    true, error = 0.08 * width, np.std(infinite) / math.sqrt(40)
    assert np.mean(finite) - true > 5 * error
    assert abs(np.mean(infinite) - true) < 0.1 * (np.mean(finite) - true) + 3 * error


def test_halves_are_of_whole_clips():
    """Twenty windows of each clip are alike: halves of windows would see every clip and find next to no bias."""
    generator, clips = np.random.default_rng(1), 40
    x, y = generator.normal(size=(2, clips, 6)).repeat(20, axis=1)
    found = extrapolate(x, [[y]], bootstrap_of(clips, windows=20), np.ones((1, clips)), 20)[0, 0]
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
    np.testing.assert_allclose(row.resampled[:, 0], frechet.resampled[:, 1:].mean(axis=1))
    both, alone = (distance_interval(frechet.row(one), bootstrap, signed=False) for one in (slice(1, 3), slice(2, 3)))
    assert both.high - both.low > alone.high - alone.low  # the seeds are far apart
    assert both.low == 0.0  # and a distance is not below 0


def test_few_clips_have_no_distance_at_infinity_and_one_has_no_interval():
    x = np.random.default_rng(3).normal(size=(6, 3))
    _, infinite, _ = all_distances(x, [[x + 1]], bootstrap_of(MIN_CLIPS - 1))
    assert np.isnan(infinite.value).all()
    single = ClipBootstrap(["a"] * 6, 60, 0)
    for found, signed in zip(all_distances(x, [[x + 1]], single), (False, True, True), strict=True):
        interval = distance_interval(found.row(slice(0, 1)), single, signed)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)


def test_names():
    assert metric_names("fid") == ("fid", "fid_inf", "kid_inception")
    assert metric_names("fd_world") == ("fd_world", "fd_world_inf", "kid_world")
