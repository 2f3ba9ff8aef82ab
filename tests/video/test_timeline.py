"""Times of frames from stamps with known faults: no cut inside a clip, and nearly all good frames are kept."""

import numpy as np
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
