"""Small made videos whose frames say which one they are, and which way up."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# Top left, top right, bottom left, bottom right: all different, so that each of the eight orientations is another one.
CORNERS = (250, 190, 130, 10)
OPTIONS = {
    "libx264": {"crf": "8", "threads": "1"},
    "libx265": {"x265-params": "crf=8:log-level=none:pools=none:frame-threads=1"},
    "libvpx-vp9": {"crf": "8", "b": "0", "cpu-used": "8"},
    "libsvtav1": {"crf": "8", "preset": "12", "svtav1-params": "lp=1"},
    "mpeg4": {"qscale": "2", "flags": "+qscale", "global_quality": "236"},
    "mjpeg": {"flags": "+qscale", "global_quality": "236"},
    "mpeg2video": {"flags": "+qscale", "global_quality": "236"},
}


def encode(
    path: Path,
    times_s: Sequence[float],
    *,
    size: tuple[int, int] = (64, 128),
    frames: Sequence[np.ndarray] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    ticks: int = 12800,
    rate: int = 30,
    pixel_aspect: Fraction | None = None,
    audio_s: float = 0.0,
) -> Path:
    """Encode frames (by default flat grey 20 + 3 * index, 70 at most) shown at the given times, and a tone beside."""
    with av.open(os.fspath(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = pixel_format
        stream.options = {**OPTIONS.get(codec, {}), **(options or {})}
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = stream.time_base = Fraction(1, ticks)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio_s else None
        if sound:
            container.mux(_tone(sound, audio_s))
        for index, at in enumerate(times_s):
            picture = np.full((*size, 3), 20 + 3 * index, dtype=np.uint8) if frames is None else frames[index]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(at * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _tone(stream, seconds: float) -> list[av.Packet]:
    packets = []
    for index in range(int(seconds * 8000 / 1024)):
        tone = np.sin(np.arange(1024) * 0.3, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, index * 1024
        packets += stream.encode(frame)
    return packets + stream.encode()


def sound_only(path: Path) -> Path:
    """A file with a tone and no picture."""
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        container.mux(_tone(stream, 2.0))
    return path


def rotate(path: Path, matrix: tuple[float, ...]) -> Path:
    """Write an orientation into the track header of an MP4: a, b, c, d, the upper left 2 x 2 of its display matrix."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(value * 65536) for value in matrix)
    values = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    content[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(content)
    return path


def trim(path: Path, seconds: float, ticks: int = 12800) -> Path:
    """Let the edit list of an MP4 (one with B-frames has one) leave out so much of its start."""
    content = bytearray(path.read_bytes())
    duration = content.index(b"elst") + 4 + 4 + 4
    # The duration counts in the file's thousandths of a second, the start in the ticks of the track.
    for place, change in ((duration, -round(1000 * seconds)), (duration + 4, round(ticks * seconds))):
        value = int.from_bytes(content[place : place + 4], "big") + change
        content[place : place + 4] = value.to_bytes(4, "big")
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


def stamped(index: int, size: tuple[int, int] = (64, 128)) -> np.ndarray:
    """A picture of grey 20 + 3 * index with a square in each corner that says which corner it is."""
    height, width = size
    picture = np.full((height, width, 3), 20 + 3 * index, dtype=np.uint8)
    top, left = height // 3, width // 3
    for corner, value in enumerate(CORNERS):
        rows = slice(None, top) if corner < 2 else slice(height - top, None)
        columns = slice(None, left) if corner % 2 == 0 else slice(width - left, None)
        picture[rows, columns] = value
    return picture


def shown(frames: np.ndarray, darker: float = 1.0) -> list[int]:
    """Which of the made frames each decoded one is, flat or stamped: by the grey of its middle.

    `darker`: by how much ffmpeg's conversion from a pixel format to RGB comes out too dark, as it does with some.
    """
    height, width = frames.shape[1:3]
    middle = frames[:, height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]
    return [round((float(picture.mean()) + darker - 20) / 3) for picture in middle]


def corners(frame: np.ndarray) -> list[float]:
    """The grey of the corners of a decoded frame, in the order of `CORNERS`."""
    height, width = frame.shape[0] // 5, frame.shape[1] // 5
    ends = (slice(1, height), slice(-height, -1)), (slice(1, width), slice(-width, -1))
    return [float(frame[rows, columns].mean()) for rows in ends[0] for columns in ends[1]]


def nearest(times: Sequence[float], rate: float = 5.0) -> list[int]:
    """Frames nearest to a grid, the definition written plainly."""
    times = np.asarray(times) - times[0]
    return [int(np.argmin(np.abs(times - at))) for at in np.arange(0, times[-1] + 1e-3, 1 / rate)]
