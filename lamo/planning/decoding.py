"""How fast this machine decodes the videos of a run and writes their frames, and by how much the store compresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lamo.errors import LamoError
from lamo.planning.rates import core_seconds
from lamo.stores.frames import FramesWriter
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

BUDGET_S = 15.0
MADE_SECONDS, MADE_FPS, MADE_BITS = 6, 30, 4_000_000


@dataclass(frozen=True)
class Decoding:
    """Core-seconds of decoding one second of video (`clips` were decoded, `seconds` in all) and of writing one byte of
    frames; `ratio` of these bytes over those on the disk."""

    per_second: float
    per_byte: float
    ratio: float
    clips: int
    seconds: float


def measure_decoding(clips: Sequence[tuple[str, float]], config: FramesConfig, folder: Path) -> Decoding:
    """Decode `clips` (path and seconds of each), as many as are done in `BUDGET_S`, and write their frames to a store
    below `folder`. Raises `LamoError` if none of them can be decoded."""
    spent = seconds = 0.0
    decoded, reasons = [], []
    for path, duration in clips:
        start = core_seconds()
        one = decode_clip(path, config, 1)
        if len(one.frames) == 0:
            reasons.append(f"{path} ({one.reason})")
            continue
        spent, seconds = spent + core_seconds() - start, seconds + duration
        decoded.append(one)
        if spent > BUDGET_S:
            break
    if not decoded:
        raise LamoError(f"none of {len(clips)} videos can be decoded, e.g. {reasons[0]}; give other videos")
    store, start = folder / "frames.zarr", core_seconds()
    with FramesWriter(store, folder / "frames.manifest.json", config.height, config.width) as writer:
        for index, one in enumerate(decoded):
            writer.add_clip(str(index), one.frames, one.times)
    written = core_seconds() - start
    raw = sum(one.frames.nbytes for one in decoded)
    on_disk = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    return Decoding(spent / seconds, written / raw, raw / on_disk, len(decoded), seconds)


def make_clip(path: Path) -> tuple[str, float]:
    """A 720p clip such as BDD100K's, H.264 at 30 frames per second and 4 Mbit/s: a view that moves over a texture."""
    draw, texture = np.random.default_rng(0), np.zeros((900, 1800, 3))
    for cell in (4, 20, 100):
        coarse = draw.normal(size=(texture.shape[0] // cell, texture.shape[1] // cell, 3))
        texture += coarse.repeat(cell, axis=0).repeat(cell, axis=1)
    texture = np.clip(128 + 30 * texture, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=MADE_FPS)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 1280, 720, "yuv420p", MADE_BITS
        stream.options = {"preset": "veryfast", "threads": "1"}
        stream.codec_context.time_base = Fraction(1, MADE_FPS)
        for index in range(MADE_SECONDS * MADE_FPS):
            view = texture[index // 2 : index // 2 + 720, 2 * index : 2 * index + 1280]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(view), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path), float(MADE_SECONDS)
