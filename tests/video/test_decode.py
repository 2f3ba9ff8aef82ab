"""Decoding by presentation time, and what happens to files that are no good."""

from fractions import Fraction

import numpy as np
import pytest
from made_videos import encode, rotate, shown

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.decoded import Part

CONFIG = FramesConfig(min_frames=3)


def _nearest(times: np.ndarray, rate: float = 5.0) -> list[int]:
    """The definition, written plainly."""
    times = np.asarray(times) - times[0]
    grid = np.arange(0, times[-1] + 1e-3, 1 / rate)
    return [int(np.argmin(np.abs(times - at))) for at in grid]


def test_a_regular_video(tmp_path):
    times = np.arange(60) / 30
    decoded = decode_clip(encode(tmp_path / "a.mp4", times), CONFIG)
    assert decoded.frames.shape == (10, 32, 64, 3)
    assert shown(decoded.frames) == list(range(0, 60, 6))
    np.testing.assert_allclose(decoded.times, np.arange(10) / 5, atol=1e-9)
    source = decoded.source
    assert (source.codec, source.width, source.height, source.rotation_deg) == ("h264", 128, 64, 0)
    assert source.source_fps == pytest.approx(30)
    assert source.duration_s == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_variable_rate_offset_and_b_frames(tmp_path, suffix):
    rng = np.random.default_rng(0)
    times = 3.2 + np.cumsum(rng.choice([0.021, 0.034, 0.053, 0.117, 0.193], 60))
    options = {"bf": "3", "b-adapt": "0", "refs": "3"}
    decoded = decode_clip(encode(tmp_path / f"a.{suffix}", times, options=options), CONFIG)
    assert decoded.status == "ok", decoded.reason
    assert shown(decoded.frames) == _nearest(times)
    assert (np.diff(decoded.times) >= 0).all()


@pytest.mark.parametrize("fps", [3.0, 23.976, 29.97, 60.0])
def test_other_rates(tmp_path, fps):
    times = np.arange(min(66, round(3 * fps))) / fps
    decoded = decode_clip(encode(tmp_path / "a.mp4", times, ticks=90000), CONFIG)
    assert shown(decoded.frames) == _nearest(times)


def test_a_stream_without_time_stamps_is_read_at_its_rate(tmp_path):
    encode(tmp_path / "a.h264", np.arange(60) / 30, options={"bf": "0"})
    decoded = decode_clip(tmp_path / "a.h264", CONFIG)
    assert len(decoded.frames) >= 9
    assert shown(decoded.frames)[0] == 0
    assert (np.diff(shown(decoded.frames)) > 0).all()


def _halves(height: int, width: int) -> np.ndarray:
    """Left half red, right half blue, top quarter white."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[:, : width // 2, 0], picture[:, width // 2 :, 2] = 220, 220
    picture[: height // 4] = 230
    return picture


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_rotation_is_applied(tmp_path, matrix, turns):
    """The upright picture was turned before it was stored; the file asks for the turn back."""
    upright = _halves(64, 128)
    stored = np.ascontiguousarray(np.rot90(upright, -turns))
    path = encode(tmp_path / "a.mp4", np.arange(12) / 10, size=stored.shape[:2], frames=[stored] * 12)
    plain = decode_clip(path, CONFIG)
    assert plain.source.rotation_deg == 0
    decoded = decode_clip(rotate(path, matrix), CONFIG)
    assert decoded.source.rotation_deg % 360 == 90 * turns
    expected = upright.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(decoded.frames[0] - expected).mean() < 12


def test_crop_keeps_the_middle_and_the_shape_and_stretch_keeps_everything(tmp_path):
    tall = np.zeros((128, 128, 3), dtype=np.uint8)
    tall[32:96] = 200
    path = encode(tmp_path / "a.mp4", np.arange(10) / 10, size=(128, 128), frames=[tall] * 10)
    assert decode_clip(path, CONFIG).frames[:, 2:-2].min() > 190
    stretched = decode_clip(path, FramesConfig(fit="stretch", min_frames=3)).frames[0].mean(axis=(1, 2))
    assert stretched[:7].max() < 15
    assert stretched[9:23].min() > 190


def test_pixels_that_are_not_square(tmp_path):
    """A 64 x 64 picture with pixels twice as wide as high fills a 2 : 1 frame."""
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:16] = 255
    path = encode(
        tmp_path / "a.mp4", np.arange(10) / 10, size=(64, 64), frames=[picture] * 10, pixel_aspect=Fraction(2)
    )
    rows = decode_clip(path, CONFIG).frames[0].mean(axis=(1, 2))
    assert rows[:7].min() > 200
    assert rows[9:].max() < 30


def test_scaling_averages_areas(tmp_path):
    """A checkerboard of single pixels comes out grey, not as a moire."""
    board = np.zeros((128, 256, 3), dtype=np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    path = encode(tmp_path / "a.mp4", np.arange(10) / 10, size=(128, 256), frames=[board] * 10, options={"crf": "1"})
    small = decode_clip(path, CONFIG).frames
    assert small.std() < 6
    assert small.mean() == pytest.approx(127, abs=8)


def test_parts_of_the_time_join_without_overlap(tmp_path):
    path = encode(tmp_path / "a.mp4", np.arange(70) / 30)
    whole = shown(decode_clip(path, CONFIG).frames)
    train, val = (decode_clip(path, CONFIG, Part(*share)) for share in ((0.0, 0.7), (0.7, 1.0)))
    assert shown(train.frames) + shown(val.frames) == whole
    assert val.times[0] > train.times[-1]
    late = decode_clip(path, CONFIG.model_copy(update={"min_frames": 2}), Part(0.7, 1.0, lead_s=0.21))
    assert shown(late.frames) == shown(val.frames)[2:]
    nothing = decode_clip(path, CONFIG, Part(0.7, 1.0, lead_s=60))
    assert (nothing.status, len(nothing.frames)) == ("quarantined", 0)


def test_real_footage(dashcam):
    """23.976 frames per second, and a zoomed motorway at 15: every grid time has its nearest frame."""
    for name, frames in (("much_us_highway_dusk.mp4", 62), ("qeng_motorway_vintagecar.mp4", 27)):
        decoded = decode_clip(dashcam / name, CONFIG.model_copy(update={"min_frames": 13}))
        assert (decoded.status, decoded.frames.shape) == ("ok", (frames, 32, 64, 3)), decoded.reason
        assert np.abs(decoded.times - np.arange(frames) / 5).max() <= 0.5 / decoded.source.source_fps + 1e-6
        assert decoded.frames.std() > 10
        assert np.abs(np.diff(decoded.frames.astype(int), axis=0)).mean() > 0.5
