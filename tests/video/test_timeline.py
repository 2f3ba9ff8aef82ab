"""Times of frames from stamps with known faults: no cut inside a clip, and nearly all good frames are kept."""

import numpy as np
import pytest
from corrupted import FAULTS, MAX_GAP_S, TICK, Frame, corrupted, near_outlier, recording, spliced, wrapped
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.video.timeline import Timeline, timeline

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.sampled_from([10, 15, 24, 29.97, 30, 60])


def _timeline(frames: list[Frame], rate: float = 30, decoding=None) -> Timeline:
    stamps = [frame.pts for frame in frames]
    none = [None] * len(frames)
    return timeline(stamps, decoding or none, tick_s=(1, TICK), step_s=1 / rate, max_gap_s=MAX_GAP_S)


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
@given(SEEDS, RATES, st.lists(st.integers(8, 120), min_size=1, max_size=4), st.integers(0, 12), st.booleans())
def test_no_cut_lies_inside_a_clip(seed, rate, parts, count, wraps):
    rng = np.random.default_rng(seed)
    frames = corrupted(rng, spliced(rng, rate, parts, jitter=0.2), count)
    frames = wrapped(frames, 33) if wraps else frames
    _check_no_cut(frames, _timeline(frames, rate))


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


def _at(stamps, rate=30, decoding=None, tick_s=(1, TICK)) -> tuple[Timeline, list[int], list[float]]:
    decoding = decoding or [None] * len(stamps)
    found = timeline(stamps, decoding, tick_s=tick_s, step_s=1 / rate, max_gap_s=MAX_GAP_S)
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
