"""How fast this machine decodes the videos of a run and writes their frames, and by how much the store compresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.frames import FramesWriter
from lamo.tools.plan.rates import core_seconds
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

BUDGET_S = 15.0


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
        one = decode_clip(path, config.model_copy(update={"min_frames": 1}))
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
