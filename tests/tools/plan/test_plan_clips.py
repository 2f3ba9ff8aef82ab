"""Clips, hours and frames from headers, from the world and from options, against numbers worked out by hand."""

import math

import pytest

from lamo.errors import LamoError
from lamo.tools.plan.clips import SampledClip, Split, parse_clips, plan_clips, read_header, spread_sample


def split_of(*frames, clips):
    return Split(clips, tuple(SampledClip("", n / 5, n / 5, n) for n in frames))


def test_totals_and_their_uncertainty_by_hand():
    split = split_of(100, 200, clips=10)
    assert split.frames == 1500
    assert split.total("seconds") == pytest.approx(300)
    # Standard deviation 70.71, of a mean of two 50, of a sample of 2 of 10 without replacement sqrt(0.8) of it.
    assert split.error("frames") == pytest.approx(10 * 1.96 * 50 * math.sqrt(0.8))
    assert split_of(100, 200, clips=2).error("frames") == 0


def test_windows_are_those_that_rollouts_choose():
    # 60 frames hold windows of 12 at 0, 5, ..., 45: ten; 20 hold two; 11 none.
    split = split_of(60, 20, 11, clips=3)
    assert split.windows(12, 5, 100) == 12
    assert split.windows(12, 5, 2) == 4


def test_world(tiny):
    clips = plan_clips(tiny, None, None, 64)
    assert (clips.basis, clips.splits["train"].clips, clips.splits["val"].clips) == ("world", 4, 2)
    assert clips.splits["train"].frames == 4 * 4 * 5


def test_options(config_of):
    config = config_of("bdd100k.yaml")
    clips = plan_clips(config, {"train": 70_000, "val": 10_000}, 40.0, 64)
    assert clips.splits["train"].frames == 14_000_000
    assert clips.splits["val"].total("stored_s") == 400_000


@pytest.mark.parametrize(
    "text", ["train=70000", "train=1 val=x", "train=1 val=2 test=3", "train=1 val=0", "train=1 train=1 val=2", "train"]
)
def test_clips_are_refused(text):
    with pytest.raises(LamoError, match=r"--clips: found .*expected a count for each split"):
        parse_clips(text.split())


@pytest.mark.parametrize("words", [["train=7", "val=2"], ["train=7,val=2"], ["val=2 train=7"]])
def test_clips_are_read(words):
    assert parse_clips(words) == {"train": 7, "val": 2}


def test_missing_seconds_and_too_short_clips(config_of):
    config = config_of("bdd100k.yaml")
    with pytest.raises(LamoError, match="--clips was given without --seconds"):
        plan_clips(config, {"train": 1, "val": 1}, None, 64)
    with pytest.raises(LamoError, match=f"have 5 frames, frames.min_frames asks for {config.frames.min_frames}"):
        plan_clips(config, {"train": 1, "val": 1}, 1.0, 64)


def test_missing_folder_says_what_else_can_be_done(config_of):
    with pytest.raises(LamoError, match=r"found nothing, expected a folder .*--videos FOLDER.*--clips"):
        plan_clips(config_of("bdd100k.yaml"), None, None, 64)


def test_files(config_of, make_video, tmp_path):
    for name, seconds in (("a", 6), ("b", 8)):
        make_video(tmp_path / f"{name}.mp4", seconds)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    config = config_of("videos.yaml", videos={"root": str(tmp_path), "val_fraction": 0.5, "guard_s": 1.0})
    clips = plan_clips(config, None, None, 64)
    assert (clips.files, clips.looked_at) == (3, 3)
    assert clips.failed == (str(tmp_path / "broken.mp4"),)
    assert clips.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    # Halves of 3 s and 4 s at 5 frames per second; held-out ones begin a second later.
    assert clips.splits["train"].frames == 15 + 20
    assert clips.splits["val"].total("stored_s") == pytest.approx(2 + 3)
    # A clip of 10 frames is too short for a window.
    assert (clips.splits["val"].frames, clips.short) == (15, 1)
    # Both halves take decoding the whole file.
    assert clips.splits["val"].total("seconds") == pytest.approx(14)


def test_header(make_video, tmp_path):
    header = read_header(make_video(tmp_path / "a.mp4", 2))
    assert header.seconds == pytest.approx(2)
    assert header.pixels_per_s == 64 * 128 * 10
    assert read_header(tmp_path) is None
    assert read_header(tmp_path / "missing.mp4") is None


def test_sample_is_spread_and_fixed():
    sample = spread_sample(1000, 10, 0)
    assert sample == spread_sample(1000, 10, 0)
    assert [i // 100 for i in sample] == list(range(10))
    assert spread_sample(3, 10, 0) == [0, 1, 2]
