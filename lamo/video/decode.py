"""Decoding one video: the frames nearest to a regular time grid, by presentation time, at the size of the model."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

import av
import numpy as np

from lamo.video.config import FramesConfig
from lamo.video.decoded import OK, REPAIRED, Decoded, Part, UnusableError, quarantined
from lamo.video.picking import Picked, Stretch, pick
from lamo.video.pictures import Converter
from lamo.video.stream import Progress, read_frames, timed_frames
from lamo.video.view import View

WHOLE = Part()


def decode_clip(
    path: str | Path,
    config: FramesConfig,
    part: Part = WHOLE,
    *,
    converter: Converter | None = None,
) -> Decoded:
    """Decode the given part of a video onto the grid t = 0, 1 / rate, 2 / rate, ... after its first frame.

    For every grid time the frame with the nearest presentation time is taken (the earlier of two equally near), so
    variable rates, start offsets and reordered frames come out right; it is shown as the file asks (`View`). Bad
    content never raises: a file that is no video, or yields fewer than `config.min_frames` frames, is quarantined; one
    that is cut off, has holes or is partly damaged is repaired: it is used as far as it goes. So is one whose pictures
    ask for more than every video goes through. Shares of a video with holes are shares of its longest stretch without
    one. `MemoryError` is raised: only the caller, who set the limit, knows whether it is the video's fault.

    `converter`, made of the same config, saves a scaler where many videos are decoded.
    """
    progress = Progress()
    try:
        picked, view = _picked(Path(path), progress, config, converter or Converter(config))
        progress.notes += view.notes()
        progress.notes += picked.notes(config.max_gap_s, config.rate_hz)
        if picked.stretch is None:
            raise UnusableError("; ".join(["no frame can be decoded", *progress.notes]))
        low, high = _rows(part, len(picked.stretch.times), config.rate_hz)
        _check_length(progress, high - low, config)
    except UnusableError as error:
        return quarantined(config.height, config.width, str(error), progress.source)
    frames = [view.finished(picture) for picture in picked.stretch.pictures[low:high]]
    times = picked.stretch.times[low:high]
    reason = "; ".join(progress.notes)
    return Decoded(np.stack(frames), np.array(times), progress.source, REPAIRED if reason else OK, reason)


def _picked(path: Path, progress: Progress, config: FramesConfig, converter: Converter) -> tuple[Picked, View]:
    """The frames of the grid, and how they are shown.

    Those of a video whose time stamps are not steady are taken by a second look at its frames.
    """
    view = View(converter, progress)
    picked = pick(timed_frames(path, progress, config.max_gap_s), config.rate_hz, view.picture)
    timeline = None if progress.stamps.steady else progress.stamps.timeline()
    if timeline:
        # What is wrong with the stream is known from the first look. Its pictures make room.
        picked = pick(timeline.kept, config.rate_hz, np.asarray)
        again = Progress()
        view = View(converter, progress, again)
        if picked.stretch:
            with closing(read_frames(path, again)) as frames:
                _look(picked.stretch, frames, view.picture)
        progress.stopped_by = progress.stopped_by or again.stopped_by
    progress.finish(picked.end_s if picked.stretch else None, timeline is None or timeline.one_clock)
    progress.notes += timeline.notes() if timeline else []
    return picked, view


def _look(stretch: Stretch, frames: Iterable[av.VideoFrame], picture: Callable[[av.VideoFrame], np.ndarray]) -> None:
    """Put pictures in place of the numbers of a stretch's frames. After the last one of them no frame is decoded."""
    numbers = [int(number) for number in stretch.pictures]
    times = Counter(numbers)
    stretch.pictures = []
    for number, frame in enumerate(islice(frames, numbers[-1] + 1 if numbers else 0)):
        if number in times:
            stretch.pictures += [picture(frame)] * times[number]
    # A file that yields less than in the first look has just been damaged.
    del stretch.times[len(stretch.pictures) :]


def _rows(part: Part, count: int, rate_hz: float) -> tuple[int, int]:
    """First row and end of the part, of `count` rows in all."""
    low, high = round(part.start_share * count), round(part.end_share * count)
    return min(low + math.ceil(part.lead_s * rate_hz - 1e-9), high), high


def _check_length(progress: Progress, used: int, config: FramesConfig) -> None:
    if used < config.min_frames:
        short = (
            f"too short: {used} frames at {config.rate_hz:g} per second, frames.min_frames asks for {config.min_frames}"
        )
        raise UnusableError("; ".join([short, *progress.notes]))
