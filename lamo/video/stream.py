"""Reading a video stream: its frames in presentation order with their times, and what was wrong with them."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import cast

import av
import av.logging
from av.codec.context import Flags as DecoderFlags
from av.container import Flags, InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from lamo.video.crop import Crop
from lamo.video.declared import declared
from lamo.video.decoded import Source
from lamo.video.fields import ORDERS, Deinterlacer
from lamo.video.opening import open_container, plain
from lamo.video.orientation import Orientation, orientation_of
from lamo.video.selection import Selection, select
from lamo.video.timeline import Timed
from lamo.video.times import TimeStamps

SHORTFALL_S = 0.5
# Of these a coded stream lies in the file and nothing else: no times, and not always a rate.
STREAMS = ("h264", "hevc", "m4v", "mpegvideo", "mjpeg", "obu", "vc1")
# A rate above this is a clock's that was taken for one.
MOST_FPS = 1000
# In these no duration is stated. The library takes it from the time stamps.
UNSTATED = ("mpegts", "mpeg")


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
    first_aspect: float = 1.0
    crop: Crop = field(default_factory=Crop)
    fields: Deinterlacer = field(default_factory=Deinterlacer)
    decoder: VideoCodecContext | None = None
    orientations: dict[int, Orientation] = field(default_factory=dict)

    def orientation(self, frame: av.VideoFrame) -> Orientation:
        """How the frame is to be turned and mirrored; looked up once for each angle that frames ask for.

        PyAV's side data and its frame refer to each other, so that a look at every frame keeps all of them in memory.
        """
        if frame.rotation not in self.orientations:
            self.orientations[frame.rotation] = orientation_of(frame)
        return self.orientations[frame.rotation]

    def coded_aspect(self) -> float:
        """A pixel's width by its height, as the decoder knows it now; 1 where nothing is said."""
        return float((self.decoder and self.decoder.sample_aspect_ratio) or 1.0)

    def finish(self, end_s: float | None, one_clock: bool) -> None:
        """Note what was wrong with the stream, once it has been read to its end.

        `end_s`: the time of its last frame, if it has one. `one_clock`: whether the container can know its duration.
        """
        self.source = replace(self.source, field_order=self.fields.order)
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
    """Frames of the video stream with their times, as long as its time stamps are steady; see `TimeStamps`."""
    progress.stamps.max_gap_s = max_gap_s
    yield from progress.stamps.read(read_frames(path, progress))


def read_frames(path: Path, progress: Progress) -> Generator[av.VideoFrame, None, None]:
    """Frames of the video stream in the order in which the decoder gives them: that of presentation.

    If it has none that can be decoded, those of the next best stream.
    """
    failed: list[int] = []
    more = True
    while more:
        with open_container(path) as container:
            selected = select(container, failed)
            more = selected.more
            _begin(container, selected, progress)
            for frame in progress.fields.frames(_frames(container, selected.stream, progress)):
                more = False
                yield frame
            failed.append(selected.stream.index)


def _begin(container: InputContainer, selected: Selection, progress: Progress) -> None:
    """Set up the decoder of the selected stream, and take down what file and stream say."""
    stream = selected.stream
    _set_up(stream.codec_context)
    progress.source = replace(_source(container, stream), stream=stream.index, other_streams=selected.others)
    progress.notes, progress.damaged, progress.first_error = list(selected.notes), 0, ""
    progress.pixel_aspect = float(stream.sample_aspect_ratio or 1.0)
    progress.stamps.step_s = 1.0 / _rate(container, stream, progress)
    progress.stamps.duration_s = None if container.format.name in UNSTATED else progress.source.duration_s
    # PyAV asks for presentation times to be made up where the container has none. Then they do not rise.
    container.flags &= ~cast(int, Flags.gen_pts.value)
    _heed(container, stream, progress)


def _set_up(decoder: VideoCodecContext) -> None:
    # One thread: a damaged file decodes to the same frames every time.
    decoder.thread_type, decoder.thread_count = "NONE", 1
    # Else a crop at the left is rounded down, for the sake of speed.
    decoder.flags |= DecoderFlags.unaligned.value


def _heed(container: InputContainer, stream: VideoStream, progress: Progress) -> None:
    """Take down what container and stream say of the pictures."""
    said = declared(container, stream.index)
    crop = said.crop
    progress.source = replace(
        progress.source,
        crop_left=crop.left,
        crop_right=crop.right,
        crop_top=crop.top,
        crop_bottom=crop.bottom,
    )
    progress.notes += said.notes
    progress.crop, progress.decoder = crop, stream.codec_context
    progress.fields = Deinterlacer(ORDERS.get(stream.codec_context.field_order))


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
            progress.first_aspect = progress.coded_aspect()
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
                reported.append((av.logging.ERROR, stream.codec_context.name, plain(error)))
            if reported or any(frame.is_corrupt for frame in frames):
                progress.damaged += 1
            if reported and not progress.first_error:
                progress.first_error = " ".join(f"{reported[0][1]}: {reported[0][2]}".split())[:200]
            if end:
                return
            yield from frames
            # What the conversion of frames reports is no damage.
            reported.clear()
            if not packet.buffer_ptr:
                # The last packet, which empties the decoder. PyAV goes on to streams that appeared in the middle of the
                # file, which it does not know, and fails on them.
                return
    except MemoryError as error:
        # PyAV's own is an FFmpegError too, which would be taken for damage of the packet or for the end of the file.
        raise MemoryError(str(error)) from None
    except av.FFmpegError as error:
        progress.stopped_by = plain(error)


def _note_orientation(frame: av.VideoFrame, progress: Progress) -> None:
    orientation = progress.orientation(frame)
    turns, mirrored = 90 * orientation.turns, orientation.mirrored
    progress.source = replace(progress.source, rotation_deg=turns, mirrored=mirrored)
    progress.notes += orientation.notes()


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
