"""Choice of windows, and what the settings refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lamo.errors import LamoError
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.windows import choose_windows, single_windows, thin
from lamo.stores.rollouts import Window


@given(
    lengths=st.dictionaries(st.text("abc", min_size=1), st.integers(0, 60), min_size=1),
    length=st.integers(1, 20),
    stride=st.integers(1, 9),
    per_clip=st.integers(1, 5),
)
def test_windows_lie_inside_their_clips_on_the_stride_and_are_few(lengths, length, stride, per_clip):
    if max(lengths.values()) < length:
        with pytest.raises(LamoError, match=f"has {max(lengths.values())} frames, a window needs {length} "):
            choose_windows(lengths, length, stride, per_clip)
        return
    windows = choose_windows(lengths, length, stride, per_clip)
    assert len(set(windows)) == len(windows)
    for clip, frames in lengths.items():
        starts = [w.start for w in windows if w.clip_id == clip]
        assert len(starts) <= per_clip
        assert bool(starts) == (frames >= length)
        assert all(start % stride == 0 and start + length <= frames for start in starts)
    assert windows == choose_windows(dict(reversed(lengths.items())), length, stride, per_clip)


def test_windows_are_spread_over_a_long_clip():
    assert [w.start for w in choose_windows({"a": 112}, 12, 1, 3)] == [16, 50, 84]


def test_thin_keeps_the_ends_apart():
    windows = [Window("a", i) for i in range(10)]
    assert [w.start for w in thin(windows, 2)] == [2, 7]
    assert thin(windows, 10) == windows


def test_windows_of_single_futures_are_spread_over_all_clips_and_differ_from_seed_to_seed():
    lengths = {"a": 112, "b": 61, "short": 11}  # 101 and 50 windows of 12 frames
    turns = [single_windows(lengths, 12, 15, turn) for turn in range(4)]
    for windows in turns:
        assert [window.clip_id for window in windows].count("a") in (10, 11)
        starts = np.array([window.start for window in windows if window.clip_id == "a"])
        assert set(np.diff(starts)) <= {10, 11}
    assert len({window for windows in turns for window in windows}) == 4 * 15
    # All that there are, where they are few.
    assert single_windows(lengths, 12, 500, 1) == choose_windows(lengths, 12, 1, 200)
    with pytest.raises(LamoError, match="no clip is long enough"):
        single_windows({}, 12, 15, 0)


def test_frames_of_windows(random_clips):
    frames = random_clips.read([Window("b", 2), Window("a", 0)], 1, 4)
    assert frames.shape == (2, 3, 8, 8, 3)
    np.testing.assert_array_equal(frames[0], random_clips.read([Window("b", 0)], 3, 6)[0])
    with pytest.raises(LamoError, match="clip short needs 6 frames, the clip has 5"):
        random_clips.read([Window("short", 2)], 0, 4)
    with pytest.raises(LamoError, match="no frames store holds this clip"):
        random_clips.read([Window("nowhere", 0)], 0, 1)


def test_horizons_are_whole_steps():
    config = RolloutsConfig()
    assert config.horizon_steps(5.0) == (1, 3, 8)
    assert config.stride_steps(5.0) == 5
    with pytest.raises(LamoError, match=r"0\.2 s, which is 0\.6 steps"):
        config.horizon_steps(3.0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"blur_sigmas": [1.0]}, "must contain 0"),
        ({"horizons_s": [0.0]}, "greater than 0"),
        ({"samples": 0}, "greater than or equal to 1"),
        ({"sample": 2}, "Extra inputs"),
    ],
)
def test_nonsense_is_refused(section, message):
    with pytest.raises(ValidationError, match=message):
        RolloutsConfig.model_validate(section)
