"""Reading a video stream: its frames in presentation order with their times, and what was wrong with them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import cast

import av
import av.logging
import numpy as np
from av.container import Flags, InputContainer
from av.video.stream import VideoStream

from lamo.video.decoded import Source, UnusableError
from lamo.video.orientation import Orientation, from_matrix
from lamo.video.timeline import Timed
from lamo.video.times import TimeStamps

SHORTFALL_S = 0.5
# Only containers: a playlist or a list of pictures that calls itself a video would lead to other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,nut,mxf,rm,wtv,dv,gif,"
    "h264,hevc,av1,obu,m4v,mjpeg,vc1"
)
# Of these a coded stream lies in the file and nothing else: no times, and not always a rate.
STREAMS = ("h264", "hevc", "m4v", "mpegvideo", "mjpeg", "obu", "vc1")
# A rate above this is a clock's that was taken for one.
MOST_FPS = 1000
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass
class Progress:
    """What is learnt about a stream while it is read."""

    source: Source = field(default_factory=Source)
    notes: list[str] = field(default_factory=list)
    stamps: TimeStamps = field(default_factory=TimeStamps)
    damaged: int = 0
    first_error: str = ""
    stopped_by: str = ""
    pixel_aspect: float = 1.0
    orientations: dict[int, Orientation] = field(default_factory=dict)

    def orientation(self, frame: av.VideoFrame) -> Orientation:
        """How the frame is to be turned and mirrored; looked up once for each angle that frames ask for.

        PyAV's side data and its frame refer to each other, so that a look at every frame keeps all of them in memory.
        """
        if frame.rotation not in self.orientations:
            self.orientations[frame.rotation] = _orientation(frame)
        return self.orientations[frame.rotation]

    def finish(self, end_s: float | None, one_clock: bool) -> None:
        """Note what was wrong with the stream, once it has been read to its end.

        `end_s`: the time of its last frame, if it has one. `one_clock`: whether the container can know its duration.
        """
        duration = self.source.duration_s if one_clock else None
        if self.stopped_by:
            self.notes.append(f"reading stopped at {end_s or 0.0:.1f} s ({self.stopped_by})")
        if duration is None or (end_s is not None and end_s > duration + SHORTFALL_S):
            self.source = replace(self.source, duration_s=end_s)
        elif end_s is not None and end_s < duration - max(SHORTFALL_S, 0.02 * duration):
            self.notes.append(f"cut off: frames end at {end_s:.1f} s of {duration:.1f} s")
        if self.damaged:
            first = f", the first error: {self.first_error}" if self.first_error else ""
            self.notes.append(f"{self.damaged} damaged frames{first}")


def timed_frames(path: Path, progress: Progress, max_gap_s: float) -> Iterator[Timed]:
    """Frames of the first video stream with their times, as long as its time stamps are steady; see `TimeStamps`."""
    progress.stamps.max_gap_s = max_gap_s
    yield from progress.stamps.read(read_frames(path, progress))


def read_frames(path: Path, progress: Progress) -> Iterator[av.VideoFrame]:
    """Frames of the first video stream in the order in which the decoder gives them: that of presentation."""
    _check_file(path)
    try:
        # Absolute, so that a colon in a name is no protocol; files only, so that nothing leads to the network.
        options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
        container = av.open(str(path.absolute()), options=options, metadata_errors="replace")
    except MemoryError as error:
        raise MemoryError(str(error)) from None
    except (av.FFmpegError, OSError) as error:
        raise UnusableError(f"not a video that can be opened ({_plain(error)})") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            raise UnusableError("no video stream")
        stream = streams[0]
        if stream.codec_context is None:
            raise UnusableError("no decoder for the codec of its video stream")
        # One thread: a damaged file decodes to the same frames every time.
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        progress.source = _source(container, stream)
        progress.pixel_aspect = float(stream.sample_aspect_ratio or 1.0)
        progress.stamps.step_s = 1.0 / _rate(container, stream, progress)
        # PyAV asks for presentation times to be made up where the container has none. Then they do not rise.
        container.flags &= ~cast(int, Flags.gen_pts.value)
        yield from _frames(container, stream, progress)


def _orientation(frame: av.VideoFrame) -> Orientation:
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        # Side data of a kind that PyAV has no name for: it still knows the angle, though not a mirror.
        return Orientation(round(frame.rotation / 90) % 4)
    return Orientation() if matrix is None else from_matrix(np.frombuffer(cast(bytes, matrix), dtype=np.int32))


def _check_file(path: Path) -> None:
    """Refuse what is no file with content. Only `stat` is asked: opening a named pipe would wait for its writer."""
    try:
        found = os.stat(path)
    except OSError as error:
        broken = path.is_symlink()
        raise UnusableError(f"{'broken link' if broken else 'cannot be read'} ({_plain(error)})") from error
    for is_kind, name in KINDS:
        if is_kind(found.st_mode):
            raise UnusableError(f"not a file but {name}")
    if found.st_size == 0:
        raise UnusableError("empty file (0 bytes)")


@contextmanager
def _errors() -> Iterator[list[tuple[int, str, str]]]:
    """The errors that ffmpeg reports meanwhile: damage in a picture is concealed, and told here only."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as reported:
            yield reported
    finally:
        av.logging.set_level(before)


def _frames(container: InputContainer, stream: VideoStream, progress: Progress) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded; damaged packets are passed over, damage of the container ends the video."""
    with _errors() as reported:
        frames = _decoded(container, stream, progress, reported)
        for first in islice(frames, 1):
            _note_orientation(first, progress)
            yield first
        yield from frames


def _decoded(
    container: InputContainer, stream: VideoStream, progress: Progress, reported: list[tuple[int, str, str]]
) -> Iterator[av.VideoFrame]:
    try:
        for packet in container.demux(stream):
            frames: list[av.VideoFrame] = []
            end = False
            try:
                frames = packet.decode()
            except av.error.EOFError:
                end = True
            except MemoryError:
                raise
            except av.FFmpegError as error:
                reported.append((av.logging.ERROR, stream.codec_context.name, _plain(error)))
            if reported or any(frame.is_corrupt for frame in frames):
                progress.damaged += 1
            if reported and not progress.first_error:
                progress.first_error = " ".join(f"{reported[0][1]}: {reported[0][2]}".split())[:200]
            if end:
                return
            yield from frames
            # What the conversion of frames reports is no damage.
            reported.clear()
    except MemoryError as error:
        # PyAV's own is an FFmpegError too, which would be taken for damage of the packet or for the end of the file.
        raise MemoryError(str(error)) from None
    except av.FFmpegError as error:
        progress.stopped_by = _plain(error)


def _note_orientation(frame: av.VideoFrame, progress: Progress) -> None:
    orientation = progress.orientation(frame)
    turns, mirrored = 90 * orientation.turns, orientation.mirrored
    progress.source = replace(progress.source, rotation_deg=turns, mirrored=mirrored)
    if orientation.asked_deg is not None:
        nearest = f"{90 * orientation.turns} degrees, the nearest quarter turn"
        progress.notes.append(f"asks for a rotation by {orientation.asked_deg} degrees, turned by {nearest}")


def _rate(container: InputContainer, stream: VideoStream, progress: Progress) -> float:
    """Frames per second by the container or, where there is none, by the coded stream."""
    if container.format.name not in STREAMS:
        rates = [stream.average_rate, stream.guessed_rate]
    else:
        # What the library calls the average is its own guess here.
        rates = [stream.guessed_rate]
        named = stream.codec_context.framerate
        if not named or not named <= MOST_FPS:
            progress.notes.append(
                f"the file names no rate, read at {float(stream.guessed_rate or 30):g} frames per second"
            )
        progress.source = replace(progress.source, source_fps=float(stream.guessed_rate or 30))
    return next((float(rate) for rate in rates if rate and rate <= MOST_FPS), 30.0)


def _source(container: InputContainer, stream: VideoStream) -> Source:
    context, rate, duration = stream.codec_context, stream.average_rate, None
    whole = container.duration or 0
    if stream.duration and stream.duration > 0 and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif (
        "matroska" in container.format.name
        and len(container.streams) == 1
        and container.duration
        and container.duration > 0
    ):
        # Matroska knows only when the whole file ends.
        duration = max(0, whole - max(0, container.start_time or 0)) / av.time_base
    return Source(
        codec=context.name,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt,
        source_fps=float(rate) if rate else None,
        duration_s=duration,
    )


def _plain(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
