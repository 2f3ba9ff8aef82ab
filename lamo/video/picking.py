"""Picking the frames of a clip: for every time of a regular grid the frame with the nearest presentation time."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamo.video.timeline import Timed

TIE_S = 1e-9
# The grid of a stretch begins and ends with the frames that lie on it, within a rounding of time stamps.
ROUNDING_S = 1e-3
Picture = Callable[[Any], np.ndarray]


@dataclass
class Stretch:
    """Pictures of neighbouring grid times, from frames without a break between them.

    `origin_s`: the time at which the grid begins; `index`: the next grid time; `far`: grid times without a frame within
    half a grid step; `farthest_s`: how far away the frame of such a grid time is at most.
    """

    start_s: float
    origin_s: float
    index: int
    end_s: float = 0.0
    times: list[float] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    far: int = 0
    farthest_s: float = 0.0


@dataclass
class Picked:
    """The longest stretch of a video, and what was left out: the holes' number, the longest one, how often the clock
    went back, and the whole time."""

    stretch: Stretch | None = None
    holes: int = 0
    longest_hole_s: float = 0.0
    steps_back: int = 0
    end_s: float = 0.0

    def notes(self, max_gap_s: float, rate_hz: float) -> Iterator[str]:
        """What was wrong with the times of the frames, one sentence each."""
        breaks = []
        if self.holes:
            count = "1 hole" if self.holes == 1 else f"{self.holes} holes"
            above = f"above frames.max_gap_s {max_gap_s:g} s"
            breaks.append(f"{count} between frames {above}, the longest {self.longest_hole_s:.2f} s")
        if self.steps_back:
            count = "1 step back of the clock" if self.steps_back == 1 else f"{self.steps_back} steps back of the clock"
            breaks.append(count)
        if self.stretch and breaks:
            used = f"{self.stretch.start_s:.2f} to {self.stretch.end_s:.2f} s of {self.end_s:.2f} s used"
            yield f"{', '.join(breaks)}: {used}"
        if self.stretch and self.stretch.far:
            count = "1 grid time" if self.stretch.far == 1 else f"{self.stretch.far} grid times"
            farthest = f"{self.stretch.farthest_s:.2f} s away"
            yield f"{count} without a frame within {0.5 / rate_hz:g} s, the farthest {farthest}"


def pick(timed: Iterable[Timed], rate_hz: float, picture: Picture) -> Picked:
    """Pick from frames whose times rise those nearest to the grid times k / rate_hz after the beginning of their clock,
    the earlier of two equally near, and convert each once with `picture`.

    Of several stretches the one with the most grid times is kept, the first of equally long ones.
    """
    picked = Picked()
    last: Stretch | None = None
    for stretch in _stretches(timed, rate_hz, picture):
        if last and stretch.origin_s != last.origin_s:
            picked.steps_back += 1
        elif last:
            picked.holes += 1
            picked.longest_hole_s = max(picked.longest_hole_s, stretch.start_s - last.end_s)
        last = stretch
        picked.end_s = stretch.end_s
        if picked.stretch is None or len(stretch.times) > len(picked.stretch.times):
            picked.stretch = stretch
    return picked


def _stretches(timed: Iterable[Timed], rate_hz: float, picture: Picture) -> Iterator[Stretch]:
    stretch: Stretch | None = None
    before: Timed | None = None
    for now in timed:
        if stretch is None or before is None or now.stretch != before.stretch:
            if stretch and before:
                yield _finished(stretch, before, rate_hz, picture)
            # Counted from the clock, so that a jump of it costs no time.
            first = math.ceil((now.at_s - now.origin_s - ROUNDING_S) * rate_hz)
            stretch = Stretch(now.at_s, now.origin_s, first)
        else:
            _take(stretch, before, now, rate_hz, picture)
        before = now
    if stretch and before:
        yield _finished(stretch, before, rate_hz, picture)


def _take(stretch: Stretch, before: Timed, now: Timed, rate_hz: float, picture: Picture) -> None:
    """Give the frame `before` to all grid times that are nearer to it than to the next frame, `now`."""
    taken = None
    both_s = before.at_s - stretch.origin_s + (now.at_s - stretch.origin_s)
    while 2 * stretch.index / rate_hz <= both_s + TIE_S:
        taken = picture(before.frame) if taken is None else taken
        _add(stretch, before.at_s, taken, rate_hz)


def _finished(stretch: Stretch, before: Timed, rate_hz: float, picture: Picture) -> Stretch:
    """The stretch with its last frame, for the grid times that are left before it or lie on it."""
    taken, last = None, math.floor((before.at_s - stretch.origin_s + ROUNDING_S) * rate_hz)
    while stretch.index <= last:
        taken = picture(before.frame) if taken is None else taken
        _add(stretch, before.at_s, taken, rate_hz)
    stretch.end_s = before.at_s
    return stretch


def _add(stretch: Stretch, at: float, taken: np.ndarray, rate_hz: float) -> None:
    away = abs(at - stretch.origin_s - stretch.index / rate_hz)
    if away > 0.5 / rate_hz + TIE_S:
        stretch.far += 1
        stretch.farthest_s = max(stretch.farthest_s, away)
    stretch.times.append(at)
    stretch.pictures.append(taken)
    stretch.index += 1
