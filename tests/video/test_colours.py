"""Colours: what a file says about its range and its colour space is heeded, in every pixel format."""

from pathlib import Path

import av
import numpy as np
import pytest

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

COLOURS = np.array([(200, 40, 60), (30, 180, 90), (20, 60, 220), (255, 255, 255), (0, 0, 0), (128, 128, 128)])
# Weights of red and blue in the luma, and ffmpeg's number of the colour space.
SPACES = {"bt601": (0.299, 0.114, 6), "bt709": (0.2126, 0.0722, 1), "bt2020": (0.2627, 0.0593, 9)}


def _planes(colour: np.ndarray, space: str, full: bool, bits: int) -> list[int]:
    """Y, Cb and Cr of an RGB colour, by the definition."""
    red, _, blue = weights = np.array([SPACES[space][0], 1 - sum(SPACES[space][:2]), SPACES[space][1]])
    luma = weights @ (colour / 255)
    chroma = [(colour[2] / 255 - luma) / (2 * (1 - blue)), (colour[0] / 255 - luma) / (2 * (1 - red))]
    most, middle, unit = 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 8)
    if full:
        return [round(most * luma), *(min(most, round(middle + most * value)) for value in chroma)]
    return [round(unit * (16 + 219 * luma)), *(round(unit * (128 + 224 * value)) for value in chroma)]


def _encode(path: Path, space: str, full: bool, pixel_format: str) -> Path:
    bits = 10 if "10" in pixel_format else 8
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, pixel_format
        stream.options = {"crf": "1"}
        context = stream.codec_context
        context.color_range, context.colorspace = 2 if full else 1, SPACES[space][2]
        for colour in COLOURS:
            frame = av.VideoFrame(128, 64, pixel_format)
            frame.color_range, frame.colorspace = context.color_range, context.colorspace
            for plane, value in zip(frame.planes, _planes(colour, space, full, bits), strict=True):
                kind = np.uint16 if bits == 10 else np.uint8
                plane.update(np.full(plane.buffer_size // kind().itemsize, value, dtype=kind).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("space", SPACES)
def test_solid_colours(tmp_path, space, full, pixel_format):
    path = _encode(tmp_path / "a.mkv", space, full, pixel_format)
    decoded = decode_clip(path, FramesConfig(rate_hz=10, min_frames=3))
    assert (decoded.status, len(decoded.frames)) == ("ok", len(COLOURS)), decoded.reason
    # ffmpeg's own conversion rounds down more than once: up to 5 of 255 off with ten bits and half the chroma.
    np.testing.assert_allclose(decoded.frames[:, 16, 32].astype(int), COLOURS, atol=5)
