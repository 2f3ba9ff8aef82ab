"""Times of frames from stamps with known faults: no cut inside a clip, and nearly all good frames are kept."""

import numpy as np
import pytest
from corrupted import FAULTS, MAX_GAP_S, TICK, Frame, corrupted, near_outlier, recording, spliced, wrapped
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.video.timeline import Timeline, timeline

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.sampled_from([10, 15, 24, 29.97, 30, 60])


def _timeline(frames: list[Frame], rate: float = 30, ticks: int = TICK) -> Timeline:
    stamps = [None if frame.pts is None else round(frame.pts * ticks / TICK) for frame in frames]
    return timeline(stamps, [None] * len(frames), tick_s=(1, ticks), step_s=1 / rate, max_gap_s=MAX_GAP_S)


def _check_no_cut(frames: list[Frame], found: Timeline) -> None:
    """Neighbours of a stretch are of one recording, and as far apart as in it, but for what the rule allows."""
    for a, b in zip(found.kept, found.kept[1:], strict=False):
        if a.stretch != b.stretch:
            continue
        one, other = frames[a.frame], frames[b.frame]
        assert b.at_s > a.at_s
        assert one.recording == other.recording, "a cut inside a clip"
        assert abs(b.at_s - a.at_s - (other.true_s - one.true_s)) <= MAX_GAP_S


def _longest(found: Timeline) -> list[int]:
    clips: dict[int, list[int]] = {}
    for timed in found.kept:
        clips.setdefault(timed.stretch, []).append(timed.frame)
    return max(clips.values(), key=len)


@settings(deadline=None, max_examples=400)
@pytest.mark.parametrize("ticks", [TICK, 10**9])
@given(SEEDS, RATES, st.lists(st.integers(8, 120), min_size=1, max_size=4), st.integers(0, 12), st.booleans())
def test_no_cut_lies_inside_a_clip(ticks, seed, rate, parts, count, wraps):
    rng = np.random.default_rng(seed)
    frames = corrupted(rng, spliced(rng, rate, parts, jitter=0.2), count)
    frames = wrapped(frames, 33) if wraps else frames
    _check_no_cut(frames, _timeline(frames, rate, ticks))


@settings(deadline=None, max_examples=400)
@given(SEEDS, RATES, st.integers(60, 300), st.sampled_from([None, 32, 33]))
def test_nearly_all_good_frames_of_a_sequence_with_few_faults_are_kept(seed, rate, count, bits):
    rng = np.random.default_rng(seed)
    start = 0 if bits is None else 2**bits - int(rng.integers(count)) * round(TICK / rate)
    frames = recording(rng, 0, count, rate, start, jitter=0.2)
    frames = corrupted(rng, frames, max(1, count // 50), (*FAULTS, near_outlier))
    frames = wrapped(frames, bits) if bits else frames
    found = _timeline(frames, rate)
    _check_no_cut(frames, found)
    good = [index for index, frame in enumerate(frames) if frame.right]
    kept = set(_longest(found)) & set(good)
    share = len(kept) / len(good)
    assert share >= 0.97


def _at(stamps, rate=30, decoding=None, tick_s=(1, TICK), duration_s=None) -> tuple[Timeline, list[int], list[float]]:
    decoding = decoding or [None] * len(stamps)
    how = {"step_s": 1 / rate, "max_gap_s": MAX_GAP_S, "duration_s": duration_s}
    found = timeline(stamps, decoding, tick_s=tick_s, **how)
    return found, [timed.frame for timed in found.kept], [timed.at_s for timed in found.kept]


@pytest.mark.parametrize(
    ("ticks", "bits", "unit"),
    [
        (90_000, 33, 90_000),
        (90_000, 32, 90_000),
        (1000, 32, 1000),
        (10**6, 32, 10**6),
        (1000, 33, 90_000),
        (1000, 24, 1000),
        (15360, 31, 15360),
    ],
)
def test_a_counter_that_begins_anew_is_one_clock(ticks, bits, unit):
    """Counters in the ticks of the stream, and those of MPEG and in milliseconds in a stream with other ticks."""
    period = round(2**bits * ticks / unit)
    true = np.arange(100) * ticks // 25
    stamps = [int(at) for at in (true + period - 40 * ticks // 25) % period]
    found, frames, times = _at(stamps, 25, tick_s=(1, ticks))
    assert frames == list(range(100))
    np.testing.assert_allclose(times, true / ticks, atol=1.1 / ticks)
    assert list(found.notes()) == []
    assert found.one_clock


def test_a_clock_that_goes_back_goes_on_a_frame_later():
    stamps = [*range(0, 90_000, 3000), *range(0, 150_000, 3000)]
    found, frames, times = _at(stamps)
    assert frames == list(range(80))
    np.testing.assert_allclose(times, np.arange(80) / 30)
    assert [timed.stretch for timed in found.kept] == [0] * 30 + [1] * 50
    assert found.kept[-1].origin_s == pytest.approx(1)
    assert not found.one_clock


@pytest.mark.parametrize("first", [4, 8, 15])
def test_a_clock_that_begins_anew_soon_is_not_one_that_is_set_a_little(first):
    """The step back is less than the gap, but so is all that lies before it."""
    stamps = [*range(0, 3000 * first, 3000), *range(0, 150_000, 3000)]
    found, frames, _ = _at(stamps)
    assert frames == list(range(len(stamps)))
    assert [timed.stretch for timed in found.kept] == [0] * first + [1] * 50


def test_frames_alone_between_holes_are_of_the_same_clock():
    stamps = [0, 2 * TICK, *range(4 * TICK, 5 * TICK, 3000), 7 * TICK]
    found, frames, times = _at(stamps)
    assert frames == list(range(len(stamps)))
    np.testing.assert_allclose(times, np.array(stamps) / TICK)
    assert list(found.notes()) == []


@pytest.mark.parametrize("hole_s", [1.7, 2.2, 4.1, 8.6])
def test_a_hole_is_no_counter_of_nanoseconds_that_begins_anew(hole_s):
    """2^31, 2^32 and 2^33 of them are seconds."""
    true = np.arange(60) / 30 + hole_s * (np.arange(60) >= 20)
    found, frames, times = _at([round(at * 1e9) for at in true], tick_s=(1, 10**9))
    assert frames == list(range(60))
    np.testing.assert_allclose(times, true)
    assert [timed.stretch for timed in found.kept] == [0] * 20 + [1] * 40


SECOND = range(12 * TICK, 13 * TICK, 3000)


@pytest.mark.parametrize("stamps", [[0, *SECOND], [*SECOND, 25 * TICK], [0, *SECOND, 25 * TICK]])
def test_a_frame_alone_before_or_after_a_long_pause_is_right_where_the_duration_says_so(stamps):
    """As of a recorded screen on which nothing moves."""
    length_s = (stamps[-1] - stamps[0]) / TICK
    found, frames, times = _at(stamps, duration_s=length_s + 0.1)
    assert frames == list(range(len(stamps)))
    np.testing.assert_allclose(times, (np.array(stamps) - stamps[0]) / TICK)
    assert len({timed.stretch for timed in found.kept}) == len(stamps) - len(SECOND) + 1
    assert list(found.notes()) == []
    assert found.one_clock


@pytest.mark.parametrize("duration_s", [None, 2.0, 12.0])
def test_a_frame_alone_beyond_the_duration_is_of_another_clock(duration_s):
    found, frames, _ = _at([0, *SECOND], duration_s=duration_s)
    assert frames == list(range(1, len(SECOND) + 1))
    assert (found.foreign, found.one_clock) == (1, False)


def test_times_of_decoding_stand_for_those_that_do_not_rise():
    """As of a muxer that wrote times in the order of decoding."""
    made_up = [1, 4, 3, 5, 2, 8, 7, 9, 6, 12, 11, 13, 10, 16, 15, 17, 14]
    found, frames, times = _at([3000 * at for at in made_up], decoding=[3000 * at for at in range(17)])
    assert frames == list(range(17))
    np.testing.assert_allclose(times, np.arange(17) / 30)
    assert list(found.notes()) == ["presentation times are wrong, decoding times taken"]


def test_a_clock_that_stands_still_for_long_hides_a_break():
    """As of a muxer that writes one tick more than the last time, as long as the clock is behind."""
    stamps = (
        [3000 * i for i in range(30)] + [87_000 + i for i in range(1, 61)] + [87_000 + 3000 * i for i in range(1, 41)]
    )
    _, frames, _ = _at(stamps)
    assert frames == [*range(30), *range(90, 130)]


@pytest.mark.parametrize("ticks", [90_000, 10**6, 15360, 1000, 600])
def test_a_clock_that_moves_by_a_tick_stands_still(ticks):
    """A frame of a third of a second is the other extreme: there, steps of a 30th are those of a clock."""
    true = [*np.arange(30) / 30, *np.full(60, 29 / 30), *(29 / 30 + np.arange(1, 41) / 30)]
    stamps = [round(at * ticks) for at in true]
    stamps[30:90] = [stamps[29] + one for one in range(1, 61)]
    _, frames, _ = _at(stamps, tick_s=(1, ticks))
    assert not set(range(32, 88)) & set(frames)


def test_a_rate_that_rises_for_a_while_is_no_clock_that_stands_still():
    """As of a dashcam in parking mode, with one stamp that is not there and one that repeats the one before."""
    true = np.cumsum([0, *[0.31] * 300, *[1 / 30] * 150, *[0.31] * 300])
    stamps: list[int | None] = [round(at * TICK) for at in true]
    stamps[100], stamps[400] = None, stamps[399]
    found, frames, times = _at(stamps, rate=4)
    assert frames == [index for index in range(len(true)) if index != 400]
    np.testing.assert_allclose(times, true[frames], atol=1 / TICK)
    assert {timed.stretch for timed in found.kept} == {0}


def test_frames_without_stamps_at_the_ends_and_beside_a_break():
    stamps = [None, None, *range(6000, 60_000, 3000), None, None, *range(900_000, 960_000, 3000), None]
    found, frames, times = _at(stamps)
    assert frames == [index for index in range(len(stamps)) if index not in (20, 21)]
    assert (times[0], times[2], times[-1]) == (0, pytest.approx(2 / 30), pytest.approx(960_000 / TICK))
    assert list(found.notes()) == ["2 frames without a time stamp beside a break of the clock dropped"]


def test_frames_slower_than_the_gap_are_each_a_stretch():
    found, _, times = _at([None] * 5, rate=1)
    assert [timed.stretch for timed in found.kept] == list(range(5))
    assert times == list(range(5))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(0, 10)), min_size=1, max_size=40), SEEDS)
def test_any_stamps_give_rising_times(stamps, seed):
    rng = np.random.default_rng(seed)
    decoding = [None if rng.random() < 0.3 else int(rng.integers(2**33)) for _ in stamps]
    found, frames, times = _at(stamps, decoding=decoding)
    assert frames == sorted(set(frames))
    assert (np.diff(times) > 0).all()
    assert not frames or times[0] == 0
    dropped = found.repeated + found.foreign + found.lost
    assert len(frames) + dropped == len(stamps)
