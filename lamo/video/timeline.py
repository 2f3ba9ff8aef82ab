"""The times of a video's frames from time stamps of which some are missing, wrong or of another clock."""

from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, takewhile
from math import isnan
from typing import Any, NamedTuple

from lamo.video.clock import (
    Stamps,
    coarse_removed,
    faults,
    frame_step,
    standing_removed,
    still_s,
    stretches,
    unwrapped,
)

TIE_S = 1e-9
# Counters begin anew after so many units: of MPEG and RTP in 1 / 90,000 s, of FLV and others in milliseconds. Where the
# library has taken one of 24 bits for one of 32, the difference is left.
PERIODS_S = (
    *(2**bits / 90_000 for bits in (31, 32, 33)),
    *(one / 1000 for one in (2**31, 2**32, 2**24, 2**32 - 2**24)),
)
# Or after so many ticks of the stream. Where these take less than an hour, a hole would be taken for them.
BITS = (31, 32, 33)
SHORTEST_S = 3600
# Presentation times with more faults than this share of the frames give way to decoding times with less than half.
FEW = 0.05
# A frame alone that is further away from the others than this is of another clock, not beside a hole. Unless the
# container states a duration that has room for the hole, and it may be short by so much.
FAR_S = 10.0
SPARE_S = 0.5
# Frames without a stamp of which the neighbours' stamps are as far apart as such frames are need no mention.
UNEVEN = 0.1


class Timed(NamedTuple):
    """A frame that is shown at `at_s` after the first one.

    `stretch`: the same for neighbours without a break between them. `origin_s`: when the clock that times it began.
    """

    at_s: float
    frame: Any
    stretch: int = 0
    origin_s: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """Which frames, by number in the order of decoding, are shown when; and how many were left out or timed otherwise.

    `kept`: as `Timed`, with numbers in place of the frames. `repeated`: frames whose stamps do not rise. `foreign`:
    those with stamps of another clock. `lost`: those without a stamp at a break. `spread`: those without a stamp
    between others that do not fit the rate. `standing`: those that repeat the stamp before them, where most do.
    `swapped`: whether decoding times stand for presentation times.
    """

    kept: list[Timed]
    repeated: int = 0
    foreign: int = 0
    lost: int = 0
    spread: int = 0
    standing: int = 0
    swapped: bool = False

    @property
    def one_clock(self) -> bool:
        """Whether all stamps are of one clock, so that what the container says of the whole time can be believed."""
        return not self.foreign and all(timed.origin_s == 0 for timed in self.kept)

    def notes(self) -> Iterator[str]:
        """What was wrong with the stamps, one sentence each."""
        if self.swapped:
            yield "presentation times are wrong, decoding times taken"
        if self.standing:
            yield f"{_frames(self.standing)} with the time stamp of the frame before spread evenly between the others"
        if self.repeated:
            stamps = "a time stamp that does" if self.repeated == 1 else "time stamps that do"
            yield f"{_frames(self.repeated)} with {stamps} not rise dropped"
        if self.foreign:
            stamps = "a time stamp" if self.foreign == 1 else "time stamps"
            yield f"{_frames(self.foreign)} with {stamps} of another clock dropped"
        if self.lost:
            yield f"{_frames(self.lost)} without a time stamp beside a break of the clock dropped"
        if self.spread:
            yield f"{_frames(self.spread)} without a time stamp spread evenly between the others"


def timeline(
    presentation: Sequence[int | None],
    decoding: Sequence[int | None],
    *,
    tick_s: tuple[int, int],
    step_s: float,
    max_gap_s: float,
    duration_s: float | None = None,
) -> Timeline:
    """The times of frames from their presentation and decoding times, in ticks of `tick_s` = (numerator, denominator).

    Decoding times stand for presentation times that are missing or many of which are wrong: the frames come in the
    order of presentation, and both rise. A step back or forth by more than `max_gap_s` is a break; see
    `lamo.video.clock`. A clock that goes back is another one: it goes on a frame after the last one. Frames without a
    stamp are spread evenly between those with one; where none has one, they are counted at `step_s`, the time of a
    frame by the container. `duration_s`: the whole time by the container, if it states one.
    """
    tick = tick_s[0] / tick_s[1]
    gap = (max_gap_s + TIE_S) / tick
    periods = _periods(tick)
    merged = [b if a is None else a for a, b in zip(presentation, decoding, strict=True)]
    shown, decoded = (unwrapped(coarse_removed(stamps), periods, gap) for stamps in (merged, decoding))
    wrong = faults(shown, gap)
    swapped = wrong > FEW * len(shown) and 2 * faults(decoded, gap) < wrong
    given, stamps = (decoding, decoded) if swapped else (merged, shown)
    standing = sum(a is not None and b is None for a, b in zip(given, stamps, strict=True))
    step = frame_step(stamps, step_s / tick, gap)
    stamps = standing_removed(stamps, step, gap, still_s(step * tick) / tick)
    found = stretches(stamps, min(step, gap), gap, FAR_S / tick, ((duration_s or 0.0) + SPARE_S) / tick)
    placed = _placed(stamps, found, step, gap)
    left_out = Counter(_why_left_out(stamps, found, {index for stretch in placed for index, _ in stretch}, gap))
    return Timeline(
        _on_one_clock(placed, tick_s, step * tick),
        **left_out,
        spread=0 if standing else sum(_unevenly(stamps, numbers, step) for numbers in found),
        standing=standing,
        swapped=swapped and any(stamp is not None for stamp in presentation),
    )


def _periods(tick: float) -> list[int]:
    """After how many ticks of `tick` seconds a counter may begin anew."""
    periods = {*(2**bits for bits in BITS), *(round(period / tick) for period in PERIODS_S)}
    return sorted(period for period in periods if period * tick >= SHORTEST_S)


def _placed(stamps: Stamps, found: list[list[int]], step: float, gap: float) -> list[list[tuple[int, float]]]:
    """The frames of every stretch with their times in ticks, also those without a stamp."""
    if not found:
        counted = [(index, step * index) for index in range(len(stamps))]
        return [counted] if step <= gap else [[one] for one in counted]
    placed = []
    for numbers in found:
        known = [(index, stamp) for index in numbers if (stamp := stamps[index]) is not None]
        stretch = known[:1]
        for (a, start), (b, end) in pairwise(known):
            share = (end - start) / (b - a)
            stretch += [(index, start + share * (index - a)) for index in range(a + 1, b) if stamps[index] is None]
            stretch.append((b, end))
        placed.append(stretch)
    if step > gap:
        return placed
    # Before the first stretch and after the last one nothing says how much time a frame takes but the others.
    first, start = placed[0][0]
    last, end = placed[-1][-1]
    head = takewhile(lambda index: stamps[index] is None, range(first - 1, -1, -1))
    tail = takewhile(lambda index: stamps[index] is None, range(last + 1, len(stamps)))
    placed[0][:0] = [(index, start + step * (index - first)) for index in head][::-1]
    placed[-1] += [(index, end + step * (index - last)) for index in tail]
    return placed


def _unevenly(stamps: Stamps, numbers: list[int], step: float) -> int:
    """How many frames of a stretch have no stamp, while the stamps beside them say that frames are missing, or more."""
    count = 0
    for (a, start), (b, end) in pairwise((index, stamps[index]) for index in numbers):
        if start is not None and end is not None and abs((end - start) / (b - a) - step) > UNEVEN * step:
            count += sum(stamp is None for stamp in stamps[a:b])
    return count


def _on_one_clock(placed: list[list[tuple[int, float]]], tick_s: tuple[int, int], step_s: float) -> list[Timed]:
    """The frames of all stretches in seconds after the first one."""
    kept: list[Timed] = []
    start_s = origin_s = 0.0
    last = None
    for number, stretch in enumerate(placed):
        for index, stamp in stretch:
            # The quotient of two integers is exact to the last bit.
            now_s = stamp * tick_s[0] / tick_s[1]
            if last is None or stamp <= last:
                start_s = now_s
                origin_s = kept[-1].at_s + step_s if kept else 0.0
            kept.append(Timed(origin_s + (now_s - start_s), index, number, origin_s))
            last = stamp
    return kept


def _why_left_out(stamps: Stamps, found: list[list[int]], kept: set[int], gap: float) -> Iterator[str]:
    """For every frame that is not kept, which field of `Timeline` counts it."""
    chained = list(chain.from_iterable(found))
    for index, stamp in enumerate(stamps):
        if index in kept:
            continue
        if stamp is None:
            yield "lost"
            continue
        at = bisect(chained, index)
        beside = [stamps[number] for number in chained[max(0, at - 1) : at + 1]]
        near = any(other is not None and abs(stamp - other) <= gap for other in beside)
        yield "repeated" if near or isnan(stamp) else "foreign"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
