"""Picking the frames of a clip: for every time of a regular grid the frame with the nearest presentation time."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TIE_S = 1e-9
# The grid of a stretch begins and ends with the frames that lie on it, within a rounding of time stamps.
ROUNDING_S = 1e-3
Picture = Callable[[Any], np.ndarray]


@dataclass
class Stretch:
    """Pictures of neighbouring grid times, from frames without a hole between them.

    `index`: the next grid time; `far`: grid times without a frame within half a grid step; `farthest_s`: how far away
    the frame of such a grid time is at most.
    """

    start_s: float
    index: int
    end_s: float = 0.0
    times: list[float] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    far: int = 0
    farthest_s: float = 0.0


@dataclass(frozen=True)
class Picked:
    """The longest stretch of a video, and what was left out: the holes' number, the longest one and the whole time."""

    stretch: Stretch | None
    holes: int
    longest_hole_s: float
    end_s: float

    def notes(self, max_gap_s: float, rate_hz: float) -> Iterator[str]:
        """What was wrong with the times of the frames, one sentence each."""
        if self.stretch and self.holes:
            count = "1 hole" if self.holes == 1 else f"{self.holes} holes"
            yield (
                f"{count} between frames above frames.max_gap_s {max_gap_s:g} s, the longest {self.longest_hole_s:.2f} "
                f"s: {self.stretch.start_s:.2f} to {self.stretch.end_s:.2f} s of {self.end_s:.2f} s used"
            )
        if self.stretch and self.stretch.far:
            count = "1 grid time" if self.stretch.far == 1 else f"{self.stretch.far} grid times"
            farthest = f"{self.stretch.farthest_s:.2f} s away"
            yield f"{count} without a frame within {0.5 / rate_hz:g} s, the farthest {farthest}"


def pick(timed: Iterable[tuple[float, Any]], rate_hz: float, max_gap_s: float, picture: Picture) -> Picked:
    """Pick from frames with strictly rising times (s) those nearest to the grid times k / rate_hz, the earlier of two
    equally near, and convert each once with `picture`.

    Where neighbouring frames are more than `max_gap_s` apart the video falls into stretches; the one with the most grid
    times is kept, the first of equally long ones.
    """
    best, holes, longest, last = None, -1, 0.0, None
    for stretch in _stretches(timed, rate_hz, max_gap_s, picture):
        holes += 1
        longest = max(longest, stretch.start_s - last) if last is not None else 0.0
        last = stretch.end_s
        if best is None or len(stretch.times) > len(best.times):
            best = stretch
    return Picked(best, max(holes, 0), longest, last or 0.0)


def _stretches(
    timed: Iterable[tuple[float, Any]], rate_hz: float, max_gap_s: float, picture: Picture
) -> Iterator[Stretch]:
    stretch, before = Stretch(0.0, 0), None
    for at, frame in timed:
        if before is None or at - before[0] > max_gap_s + TIE_S:
            if before is not None:
                yield _finished(stretch, before, rate_hz, picture)
            # Counted anew from the clock, so that a jump of it costs no time.
            stretch = Stretch(at, math.ceil((at - ROUNDING_S) * rate_hz))
        else:
            _take(stretch, before, at, rate_hz, picture)
        before = at, frame
    if before is not None:
        yield _finished(stretch, before, rate_hz, picture)


def _take(stretch: Stretch, before: tuple[float, Any], at: float, rate_hz: float, picture: Picture) -> None:
    """Give the frame `before` to all grid times that are nearer to it than to the next frame, shown at `at`."""
    taken = None
    while 2 * stretch.index / rate_hz <= before[0] + at + TIE_S:
        taken = picture(before[1]) if taken is None else taken
        _add(stretch, before[0], taken, rate_hz)


def _finished(stretch: Stretch, before: tuple[float, Any], rate_hz: float, picture: Picture) -> Stretch:
    """The stretch with its last frame, for the grid times that are left before it or lie on it."""
    taken, last = None, math.floor((before[0] + ROUNDING_S) * rate_hz)
    while stretch.index <= last:
        taken = picture(before[1]) if taken is None else taken
        _add(stretch, before[0], taken, rate_hz)
    stretch.end_s = before[0]
    return stretch


def _add(stretch: Stretch, at: float, taken: np.ndarray, rate_hz: float) -> None:
    away = abs(at - stretch.index / rate_hz)
    if away > 0.5 / rate_hz + TIE_S:
        stretch.far += 1
        stretch.farthest_s = max(stretch.farthest_s, away)
    stretch.times.append(at)
    stretch.pictures.append(taken)
    stretch.index += 1
