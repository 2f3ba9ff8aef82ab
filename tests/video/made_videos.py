"""Small made videos whose frames say which one they are."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def encode(
    path: Path,
    times_s: Sequence[float],
    *,
    size: tuple[int, int] = (64, 128),
    frames: Sequence[np.ndarray] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    ticks: int = 12800,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Encode frames (by default flat grey 20 + 3 * index, 70 at most) shown at the given times."""
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "8", "threads": "1", **(options or {})} if codec == "libx264" else {}
        stream.codec_context.time_base = stream.time_base = Fraction(1, ticks)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for index, at in enumerate(times_s):
            picture = np.full((*size, 3), 20 + 3 * index, dtype=np.uint8) if frames is None else frames[index]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(at * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rotate(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write a rotation into the track header of an MP4: the upper left 2 x 2 of its display matrix."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    values = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    content[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(content)
    return path


def shown(frames: np.ndarray) -> list[int]:
    """Which of the made frames each decoded one is."""
    return [round((float(picture.mean()) - 19) / 3) for picture in frames]
