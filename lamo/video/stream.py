"""Reading a video stream: its frames in presentation order with their times, and what was wrong with them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av

MAX_JUMP_S = 10.0


@dataclass(frozen=True)
class Source:
    """What a file says about its video stream; see `lamo.video.clips.CLIPS_SCHEMA`. None where it says nothing."""

    codec: str | None = None
    width: int | None = None
    height: int | None = None
    source_fps: float | None = None
    duration_s: float | None = None
    rotation_deg: int | None = None


@dataclass
class Progress:
    """What is learnt about a stream while it is read."""

    source: Source = Source()
    notes: list[str] = field(default_factory=list)
    dropped: int = 0
    damaged: int = 0
    last_s: float = 0.0
    pixel_aspect: float = 1.0


class UnusableError(Exception):
    """The reason why a clip cannot be used at all."""


def timed_frames(path: Path, progress: Progress) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames of the first video stream with their time (s) after the first one, strictly rising."""
    try:
        if path.stat().st_size == 0:
            raise UnusableError("empty file (0 bytes)")
        # Absolute, so that a colon in a name is no protocol; files only, so that a playlist cannot reach elsewhere.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError) as error:
        raise UnusableError(f"not a video that can be opened ({_plain(error)})") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise UnusableError("no video stream")
        stream = streams[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        progress.source = _source(stream)
        progress.pixel_aspect = float(stream.sample_aspect_ratio or 1.0)
        yield from _in_order(_frames(container, stream, progress), stream, progress)


def _frames(container, stream, progress: Progress) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded; damaged packets are passed over, damage of the container ends the video."""
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.FFmpegError:
                progress.damaged += 1
    except av.FFmpegError as error:
        progress.notes.append(f"reading stopped at {progress.last_s:.1f} s ({_plain(error)})")


def _in_order(frames, stream, progress: Progress) -> Iterator[tuple[float, av.VideoFrame]]:
    step = 1.0 / float(stream.average_rate or stream.guessed_rate or 30)
    first = last = None
    for frame in frames:
        progress.damaged += bool(frame.is_corrupt)
        if frame.pts is None:
            at = 0.0 if last is None else last + step + (first or 0.0)
        else:
            at = float(frame.pts * Fraction(frame.time_base))
        first = at if first is None else first
        at -= first
        if last is None:
            progress.source = replace(progress.source, rotation_deg=int(frame.rotation))
        elif at <= last:
            progress.dropped += 1
            continue
        elif at - last > MAX_JUMP_S:
            raise UnusableError(f"time stamps jump by {at - last:.1f} s after {last:.1f} s")
        last = progress.last_s = at
        yield at, frame


def _source(stream) -> Source:
    context = stream.codec_context
    rate = stream.average_rate
    return Source(
        codec=context.name,
        width=context.width,
        height=context.height,
        source_fps=float(rate) if rate else None,
        duration_s=float(stream.duration * stream.time_base) if stream.duration else None,
    )


def _plain(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
