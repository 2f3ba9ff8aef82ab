"""Picking by time, against the definition; holes; clocks that jump."""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_videos import nearest

from lamo.video.picking import pick
from lamo.video.timeline import Timed


def _picked(times, rate_hz=5.0, max_gap_s=0.5):
    asked = []

    def picture(frame):
        asked.append(frame)
        return np.array(frame)

    stretches = np.concatenate([[0], np.cumsum(np.diff(times) > max_gap_s + 1e-9)])
    timed = (Timed(float(at), index, stretches[index]) for index, at in enumerate(times))
    picked = pick(timed, rate_hz, picture)
    assert len(set(asked)) == len(asked), "a frame was converted twice"
    return picked


def _frames(picked) -> list[int]:
    return [int(picture) for picture in picked.stretch.pictures]


@settings(deadline=None)
@given(st.lists(st.integers(1, 450), min_size=1, max_size=60), st.sampled_from([2.0, 5.0, 7.5]))
def test_without_holes_it_is_the_nearest_frame(gaps_ms, rate_hz):
    times = np.concatenate([[0], np.cumsum(gaps_ms)]) / 1000
    # A grid time exactly where the tolerance at the end is used up belongs to it or not, as rounding has it.
    end = (times[-1] + 1e-3) * rate_hz
    assume(abs(end - round(end)) > 1e-6)
    picked = _picked(times, rate_hz)
    distance = np.abs(np.arange(len(picked.stretch.times)) / rate_hz - times[_frames(picked)])
    expected = np.abs(np.arange(len(picked.stretch.times)) / rate_hz - times[nearest(times, rate_hz)])
    np.testing.assert_allclose(distance, expected, atol=1e-9)
    assert picked.holes == 0
    assert picked.stretch.far == (distance > 0.5 / rate_hz + 1e-9).sum()
    assert not picked.stretch.far or picked.stretch.farthest_s == pytest.approx(distance.max())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(700, 9000)), min_size=1, max_size=6))
def test_of_several_stretches_the_one_with_most_grid_times_is_kept(stretches):
    """Each stretch: so many frames at 20 per second, then a hole of so many ms."""
    times, at, counts = [], 0.0, []
    for count, hole_ms in stretches:
        own = at + np.arange(count) / 20
        times += list(own)
        first = int(np.ceil((own[0] - 1e-3) * 5))
        counts.append(max(0, int(np.floor((own[-1] + 1e-3) * 5)) - first + 1))
        at = own[-1] + hole_ms / 1000
    picked = _picked(times)
    assert len(picked.stretch.times) == max(counts)
    assert picked.holes == len(stretches) - 1
    grid = np.round(np.array(picked.stretch.times) * 5) / 5
    assert (np.abs(grid - picked.stretch.times) <= 0.025 + 1e-9).all()
    assert np.ptp(np.diff(grid)) < 1e-9 if len(grid) > 1 else True


def test_no_frame_is_no_stretch():
    picked = _picked([])
    assert picked.stretch is None
    assert list(picked.notes(0.5, 5.0)) == []


def test_a_clock_that_goes_back_has_a_grid_of_its_own():
    first = [Timed(index / 30, index, 0) for index in range(31)]
    second = [Timed(1.05 + index / 30, 31 + index, 1, origin_s=1.05) for index in range(61)]
    picked = pick([*first, *second], 5.0, np.array)
    assert _frames(picked) == list(range(31, 92, 6))
    np.testing.assert_allclose(picked.stretch.times, 1.05 + np.arange(11) / 5)
    assert (picked.holes, picked.steps_back) == (0, 1)
    assert list(picked.notes(0.5, 5.0)) == ["1 step back of the clock: 1.05 to 3.05 s of 3.05 s used"]


def test_a_clock_that_runs_away_costs_no_time():
    times = [0.0, 0.1, 1e6, 1e6 + 0.2, 1e12, 4e18]
    began = time.monotonic()
    picked = _picked(times)
    assert time.monotonic() - began < 1
    assert (_frames(picked), picked.holes) == ([2, 3], 3)
    assert "3 holes between frames above frames.max_gap_s 0.5 s" in next(picked.notes(0.5, 5.0))
