"""Decoding videos: the frames nearest to a regular time grid, by presentation time, at the size of the model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pandas as pd
from av.video.reformatter import Interpolation
from pydantic import Field
from tqdm import tqdm

from lamo.section import Section
from lamo.stores.frames import FramesWriter
from lamo.video.clips import OK, QUARANTINED, REPAIRED
from lamo.video.stream import Progress, Source, UnusableError, timed_frames

SHORTFALL_S = 0.5
TIE_S = 1e-9


class ShardsConfig(Section):
    """Into how many stores the frames of a split are divided; one job each."""

    train: int = Field(2, ge=1, description="shards of the training split; count")
    val: int = Field(1, ge=1, description="shards of the held-out split; count")

    def counts(self) -> dict[str, int]:
        """Shards by split."""
        return {"train": self.train, "val": self.val}


class FramesConfig(Section):
    """The frames that everything after stage 01 works on."""

    height: int = Field(32, ge=8, description="height of the frames; pixels; published: 224")
    width: int = Field(64, ge=8, description="width of the frames; pixels; published: 224")
    rate_hz: float = Field(
        5.0, gt=0, description="frames per second of the time grid; 1/s; at 5 the paper's horizons are 1, 3 and 8 steps"
    )
    fit: Literal["crop", "stretch"] = Field(
        "crop", description="crop: cut the middle out at the target's aspect ratio; stretch: distort to it"
    )
    shards: ShardsConfig = Field(ShardsConfig(), description="stores per split")
    max_quarantined_share: float = Field(
        0.05, ge=0, le=1, description="share of unusable clips above which the workflow stops"
    )


@dataclass(frozen=True)
class Decoded:
    """One decoded clip: frames uint8 [n, H, W, 3]; times [n], presentation times in s after the video's first frame.

    status ok, repaired or quarantined (then n = 0), with the reason.
    """

    frames: np.ndarray
    times: np.ndarray
    source: Source
    status: str = OK
    reason: str = ""


def decode_clip(
    path: str | Path, config: FramesConfig, min_frames: int, start_share: float = 0.0, end_share: float = 1.0
) -> Decoded:
    """Decode the given part of a video (shares of its time) onto the grid t = 0, 1 / rate, 2 / rate, ...

    For every grid time the frame with the nearest presentation time is taken (the earlier of two equally near), so
    variable rates, start offsets and reordered frames come out right. Bad content never raises: a file that is no
    video, or yields fewer than `min_frames` frames, is quarantined; one that is cut off or partly damaged is repaired,
    which means used as far as it goes.
    """
    progress = Progress()
    try:
        picked = list(_pick(timed_frames(Path(path), progress), config, progress))
        low, high = round(start_share * len(picked)), round(end_share * len(picked))
        _check_length(progress, len(picked), high - low, config, min_frames)
    except UnusableError as error:
        nothing = np.empty((0, config.height, config.width, 3), dtype=np.uint8)
        return Decoded(nothing, np.empty(0), progress.source, QUARANTINED, str(error))
    times, frames = zip(*picked[low:high], strict=True)
    reason = "; ".join(progress.notes)
    return Decoded(np.stack(frames), np.array(times), progress.source, REPAIRED if reason else OK, reason)


def decode_shard(
    found: pd.DataFrame, config: FramesConfig, min_frames: int, store: str | Path, manifest: str | Path
) -> list[dict]:
    """Decode the clips of one shard (rows of `find_videos`) into a frames store; return a row per clip for the table.

    Clips are stored in the order of their ids; quarantined ones have a row but no frames.
    """
    rows = []
    with FramesWriter(store, manifest, config.height, config.width) as writer:
        clips = found.sort_values("id").to_dict("records")
        for clip in tqdm(clips, desc="decoding", unit="video"):
            decoded = decode_clip(clip["path"], config, min_frames, clip["start_share"], clip["end_share"])
            if decoded.status != QUARANTINED:
                writer.add_clip(clip["id"], decoded.frames, decoded.times)
            known = {name: clip[name] for name in ("id", "split", "path", "bytes", "shard")}
            outcome = {"frames": len(decoded.frames), "status": decoded.status, "reason": decoded.reason}
            rows.append({**known, **vars(decoded.source), **outcome})
    return rows


def _pick(
    timed: Iterator[tuple[float, av.VideoFrame]], config: FramesConfig, progress: Progress
) -> Iterator[tuple[float, np.ndarray]]:
    """Time and picture of the frame nearest to each grid time; only these are converted."""
    count, before = 0, None
    for at, frame in timed:
        if before is not None:
            picture = None
            while 2 * count / config.rate_hz <= before[0] + at + TIE_S:
                picture = _picture(before[1], config, progress.pixel_aspect) if picture is None else picture
                yield before[0], picture
                count += 1
        before = at, frame
    # The grid ends with the last frame that lies on it (within a rounding of time stamps).
    if before is not None and count / config.rate_hz <= before[0] + 1e-3:
        yield before[0], _picture(before[1], config, progress.pixel_aspect)


def _picture(frame: av.VideoFrame, config: FramesConfig, pixel_aspect: float) -> np.ndarray:
    """The frame upright, scaled by area averaging and fitted to the target size, uint8 [H, W, 3]."""
    turns = round(frame.rotation / 90) % 4
    height, width = (config.height, config.width) if turns % 2 == 0 else (config.width, config.height)
    cover_height, cover_width = height, width
    if config.fit == "crop":
        # Pixels need not be square: what counts is the shape of the picture on a screen.
        shown = frame.width * pixel_aspect / frame.height
        cover_height = max(height, round(width / shown))
        cover_width = max(width, round(height * shown))
    size = {"width": cover_width, "height": cover_height}
    try:
        picture = frame.reformat(**size, format="rgb24", interpolation=Interpolation.AREA).to_ndarray()
    except (av.FFmpegError, ValueError) as error:
        raise UnusableError(f"a frame of format {frame.format.name} cannot be converted ({error})") from error
    top, left = (cover_height - height) // 2, (cover_width - width) // 2
    return np.ascontiguousarray(np.rot90(picture[top : top + height, left : left + width], turns))


def _check_length(progress: Progress, decoded: int, used: int, config: FramesConfig, min_frames: int) -> None:
    """Note what was wrong with the video; refuse it if too little is left."""
    duration, end = progress.source.duration_s, progress.last_s
    if duration is None:
        progress.source = replace(progress.source, duration_s=end if decoded else None)
    elif end < duration - max(SHORTFALL_S, 0.02 * duration):
        progress.notes.append(f"cut off: frames end at {end:.1f} s of {duration:.1f} s")
    if progress.damaged:
        progress.notes.append(f"{progress.damaged} damaged frames")
    if progress.dropped:
        progress.notes.append(f"{progress.dropped} frames with time stamps that do not rise dropped")
    if not decoded:
        raise UnusableError("; ".join(["no frame can be decoded", *progress.notes]))
    if used < min_frames:
        short = f"too short: {used} frames at {config.rate_hz:g} per second, one window needs {min_frames}"
        raise UnusableError("; ".join([short, *progress.notes]))
