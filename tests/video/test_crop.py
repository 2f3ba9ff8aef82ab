"""A crop that the container or the coded stream asks for is made; the rest of the picture is as it was."""

import av
import numpy as np
import pytest
from made_videos import CORNERS, corners, encode, rotate, stamped
from patched_files import box, into_mkv_video, into_mp4_video, numbers

from lamo.video.config import FramesConfig
from lamo.video.crop import Crop, Cropper
from lamo.video.decode import decode_clip
from lamo.video.decoded import UnusableError

CONFIG = FramesConfig(min_frames=3)
T = np.arange(20) / 10
# Sides that are added to a picture of 128 x 64 and have to go again.
LEFT, RIGHT, TOP, BOTTOM = 10, 22, 6, 10
# Matroska's elements for them.
ELEMENTS = bytes([0x54, 0xCC, 0x81, LEFT, 0x54, 0xDD, 0x81, RIGHT, 0x54, 0xBB, 0x81, TOP, 0x54, 0xAA, 0x81, BOTTOM])


def _bordered(turns: int = 0) -> list[np.ndarray]:
    """Stamped pictures within a white border that is to be cropped."""
    pictures = [np.rot90(stamped(index), -turns) for index in range(len(T))]
    border = ((TOP, BOTTOM), (LEFT, RIGHT), (0, 0))
    return [np.pad(picture, border, constant_values=255) for picture in pictures]


def _video(path, turns=0, **how):
    frames = _bordered(turns)
    return encode(path, T, size=frames[0].shape[:2], frames=frames, **how)


def _clap(width: int, height: int, right: int, down: int) -> bytes:
    """The clean aperture of an MP4: its size, and by what its middle is off the picture's, in halves of a pixel."""
    return box(b"clap", numbers(width, 1, height, 1, right, 2, down, 2))


def _check(decoded, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM):
    assert decoded.status == "repaired"
    assert decoded.reason == (
        f"cropped as the container asks, pixels: {left} left, {right} right, {top} above, {bottom} below"
    )
    source = decoded.source
    assert (source.crop_left, source.crop_right, source.crop_top, source.crop_bottom) == (left, right, top, bottom)
    np.testing.assert_allclose(np.mean([corners(frame) for frame in decoded.frames], axis=0), CORNERS, atol=9)
    # No row and no column of the border is left.
    edges = [decoded.frames[:, 0], decoded.frames[:, -1], decoded.frames[:, :, 0], decoded.frames[:, :, -1]]
    assert max(float(np.median(edge)) for edge in edges) < 215


def test_matroska(tmp_path):
    _check(decode_clip(into_mkv_video(_video(tmp_path / "a.mkv", ticks=1000), ELEMENTS), CONFIG))


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_clean_aperture(tmp_path, suffix):
    path = into_mp4_video(_video(tmp_path / f"a.{suffix}"), _clap(128, 64, LEFT - RIGHT, TOP - BOTTOM))
    _check(decode_clip(path, CONFIG))


def test_the_crop_comes_before_the_turn(tmp_path):
    path = into_mp4_video(_video(tmp_path / "a.mp4", turns=1), _clap(64, 128, LEFT - RIGHT, TOP - BOTTOM))
    _check(decode_clip(rotate(path, (0, -1, 1, 0)), CONFIG))


def test_a_crop_that_leaves_nothing():
    """libavformat refuses to open most files that ask for one; not where the pictures become smaller later."""
    frame = av.VideoFrame(64, 32, "yuv420p")
    with pytest.raises(UnusableError, match="leaves nothing of a picture of 64 x 32"):
        Cropper(Crop(left=30, right=34)).cropped(frame)
    assert (Cropper(Crop(left=30)).cropped(frame).width, Cropper(Crop()).cropped(frame)) == (34, frame)


def test_the_crop_of_the_coded_stream_is_exact(tmp_path):
    """The decoder makes it, and by itself rounds its left side down."""
    crop = f"crop-rect={LEFT},{TOP},{RIGHT},{BOTTOM}"
    decoded = decode_clip(_video(tmp_path / "a.mkv", ticks=1000, options={"crf": "8", "x264-params": crop}), CONFIG)
    assert (decoded.status, decoded.source.width, decoded.source.height) == ("ok", 128, 64)
    np.testing.assert_allclose(np.mean([corners(frame) for frame in decoded.frames], axis=0), CORNERS, atol=9)
    assert float(np.median(decoded.frames[:, :, 0])) < 215


def test_without_a_crop_nothing_is_said(tmp_path):
    decoded = decode_clip(encode(tmp_path / "a.mkv", T), CONFIG)
    assert (decoded.status, decoded.reason, decoded.source.crop_left, decoded.source.crop_bottom) == ("ok", "", 0, 0)
