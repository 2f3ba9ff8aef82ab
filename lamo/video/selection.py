"""Which video stream of a file is used, and how the row of a clip names the others."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from lamo.video.decoded import UnusableError

# Pictures about the video, not the video: a cover, the thumbnails of its chapters, a still.
PICTURES = {
    Disposition.attached_pic: "attached picture",
    Disposition.timed_thumbnails: "thumbnails",
    Disposition.still_image: "still image",
}
# A stream that lasts a smaller share of the longest one is a picture that does not say so.
SHORT_SHARE = 0.1
# Hours, minutes and seconds. A damaged tag may have any number of digits.
LENGTH = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


@dataclass(frozen=True)
class Selection:
    """The stream that is used; the others in words, None where there are none; what is to be said of those that are
    videos too; whether there is another one to fall back on.
    """

    stream: VideoStream
    others: str | None
    notes: list[str]
    more: bool


def select(container: InputContainer, without: Collection[int] = ()) -> Selection:
    """The decodable video stream with the most pixels; of equal ones the default one, then the first.

    An attached picture or a thumbnail is never taken, a still image only where there is nothing else. `without`: the
    numbers of streams that have turned out to have no frame that can be decoded. Raises `UnusableError` where no stream
    is left.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not videos:
        raise UnusableError("no video stream")
    decodable = [stream for stream in videos if stream.codec_context is not None and stream.index not in without]
    if not decodable:
        raise UnusableError("no decoder for the codec of its video stream")
    moving = [stream for stream in decodable if not _is_picture(stream, decodable)]
    candidates = moving or decodable
    used = max(candidates, key=lambda stream: (_pixels(stream), _is_default(stream), -stream.index))
    others = [stream for stream in container.streams.video if stream.index != used.index]
    unused = [stream for stream in others if stream in videos and stream.index not in without]
    left_out = [_named(stream) for stream in unused if not _is_picture(stream, videos)]
    count = "1 other video stream" if len(left_out) == 1 else f"{len(left_out)} other video streams"
    failed = [f"no frame of stream {_named(stream)} can be decoded" for stream in videos if stream.index in without]
    return Selection(
        stream=used,
        others=", ".join(_named(stream) for stream in others) or None,
        notes=failed + ([f"{count} not used: {', '.join(left_out)}"] if left_out else []),
        more=len(candidates) > 1,
    )


def _is_picture(stream: VideoStream, streams: list[VideoStream]) -> bool:
    """Whether it says so, or is a single frame or of short duration beside others that are not."""
    alone = stream.frames == 1 and any(other.frames > 1 for other in streams)
    lengths = [length for length in map(_length_s, streams) if length is not None]
    length = _length_s(stream)
    short = length is not None and length < SHORT_SHARE * max(lengths)
    return bool(stream.disposition & sum(PICTURES)) or alone or short


def _length_s(stream: VideoStream) -> float | None:
    """How long it lasts, where the container says it; Matroska has that among the tags."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    tag = LENGTH.fullmatch(stream.metadata.get("DURATION", ""))
    return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3]) if tag else None


def _pixels(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def _is_default(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.default)


def _named(stream: VideoStream) -> str:
    """A stream in words: its number in the file, codec, size, and what it is if no video."""
    context = stream.codec_context
    words = [context.name, f"{context.width} x {context.height}"] if context else ["unknown codec"]
    words += [name for flag, name in PICTURES.items() if stream.disposition & flag]
    return f"{stream.index} ({', '.join(words)})"
