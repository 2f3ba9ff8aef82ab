"""Windows of frames whose gap is drawn in time."""

import itertools

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.sampling import WindowSampler
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows

LENGTH = 20


def shards(clips=6, length=LENGTH):
    """Frames of one pixel that hold their clip, their time and a constant."""
    clip, time = np.divmod(np.arange(clips * length), length)
    frames = np.stack([clip, time, np.full_like(clip, 7)], axis=-1).astype(np.uint8)[:, None, None]
    return [ShardArray(frames, np.arange(clips + 1) * length)]


def sampler(rate=5.0, seed=0, frames=None, **settings) -> WindowSampler:
    config = {"steps": 60, "batch": 8, "unroll": (1,)} | settings
    return WindowSampler(frames or shards(), MidwayTrainingConfig.model_validate(config), rate, seed)


def read_all(windows: WindowSampler) -> list[np.ndarray]:
    """The frames of every training step."""
    return [windows.read(draw).frames.numpy() for draw in windows.draws()]


def all_rows(windows: WindowSampler) -> tuple[np.ndarray, np.ndarray]:
    """Clip and time [windows, T] of everything that is drawn."""
    drawn = np.concatenate(read_all(windows))[:, :, 0, 0].astype(int)
    return drawn[..., 0], drawn[..., 1]


def test_without_a_gap_windows_are_consecutive_frames_and_none_is_skipped():
    for rate in (None, 5.0):
        windows = sampler(rate, steps=6, unroll=(1, 2), batch=9, seed=4)
        plain = Windows(shards(), 3)
        picks = ShuffledOrder(6 * (LENGTH - 2), 5).draw(0, 3 * 9 + 3 * 6)
        steps = read_all(windows)
        assert [len(frames) for frames in steps] == [9, 9, 9, 6, 6, 6]
        for step, chosen in enumerate(np.split(picks, np.cumsum([9, 9, 9, 6, 6]))):
            np.testing.assert_array_equal(steps[step], plain.read(chosen)[:, : 2 if step < 3 else 3])


@pytest.mark.parametrize(
    ("gap_s", "rate", "gaps"),
    [
        ((0.2, 1.0), 5.0, {1, 2, 3, 4, 5}),
        ((0.5, 1.0), 5.0, {3, 4, 5}),
        ((0.4, 0.4), 5.0, {2}),
        ((0.1, 0.3), 10.0, {1, 2, 3}),
    ],
)
def test_gaps_are_all_whole_numbers_of_frames_in_the_range(gap_s, rate, gaps):
    clip, time = all_rows(sampler(rate, gap_s=gap_s))
    assert (clip[:, 1] == clip[:, 0]).all()
    found, counts = np.unique(time[:, 1] - time[:, 0], return_counts=True)
    assert set(found) == gaps
    assert counts.min() > 0.6 * counts.mean()


def test_every_frame_of_a_clip_can_be_drawn():
    _, time = all_rows(sampler(gap_s=(0.2, 1.0), steps=200))
    assert set(time[:, 0]) == set(range(LENGTH - 1))
    assert set(time[:, 1]) == set(range(1, LENGTH))


def test_all_steps_of_an_unrolled_window_have_the_same_gap():
    windows = sampler(gap_s=(0.2, 0.6), unroll=(4,))
    clip, time = all_rows(windows)
    assert clip.shape == (60 * 3, 5)  # as many frames as in windows of two
    assert (clip == clip[:, :1]).all()
    gaps = np.diff(time, axis=1)
    assert (gaps == gaps[:, :1]).all()
    assert set(gaps[:, 0]) == {1, 2, 3}


def test_draws_depend_on_the_seed_alone():
    first, again, other = (np.concatenate(read_all(sampler(gap_s=(0.2, 1.0), seed=seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("first", [0, 1, 29, 30, 59])
def test_a_training_that_goes_on_at_a_step_reads_what_it_would_have_read(first):
    settings = {"gap_s": (0.2, 1.0), "unroll": (1, 2), "batch": 9}
    whole = read_all(sampler(**settings))
    windows = sampler(**settings)
    for draw, frames in zip(windows.draws(first), whole[first:], strict=True):
        np.testing.assert_array_equal(windows.read(draw).frames.numpy(), frames)


def test_a_range_without_a_multiple_of_the_frame_interval_is_an_error():
    with pytest.raises(
        LamoError, match=r"midway\.training\.gap_s: found \[0\.25, 0\.35\] s, expected .* multiple of 0\.2 s"
    ):
        sampler(gap_s=(0.25, 0.35))
    with pytest.raises(LamoError, match=r"gap_s: found \[0\.01, 0\.1\] s"):
        sampler(gap_s=(0.01, 0.1))
    with pytest.raises(LamoError, match=r"midway\.training\.gap_s: the rate of the frames is not known"):
        sampler(None, gap_s=(0.2, 1.0))


def test_the_limits_of_the_range_belong_to_it():
    for rate, count in itertools.product((3.0, 5.0, 7.0, 29.97), range(1, 8)):
        config = MidwayTrainingConfig(gap_s=(count / rate, (count + 1) / rate))
        assert config.gaps(rate) == (count, count + 1)
    assert MidwayTrainingConfig().gaps(5.0) == (1,)


def test_clips_shorter_than_the_longest_window_are_an_error():
    message = r"the longest has 20 frames, a window needs 21 \(4 times the gap of 1 s of midway\.training\.gap_s"
    with pytest.raises(LamoError, match=message):
        sampler(gap_s=(0.2, 1.0), unroll=(1, 4))
    assert len(sampler(gap_s=(0.2, 1.0), unroll=(1, 4), frames=shards(length=21)).windows) == 6
