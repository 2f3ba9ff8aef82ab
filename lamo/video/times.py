"""The time stamps of a video's frames, gathered while they are decoded; steady ones time the frames at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from lamo.video.clock import still_s
from lamo.video.timeline import TIE_S, Timed, Timeline, timeline


class Stamped(Protocol):
    """What a decoded frame says of its time, in ticks of `time_base`; None where it says nothing."""

    @property
    def pts(self) -> int | None: ...
    @property
    def dts(self) -> int | None: ...
    @property
    def time_base(self) -> Fraction | None: ...


@dataclass
class TimeStamps:
    """The time stamps of the frames of one video. `step_s`: the time of a frame by the container. `duration_s`: the
    whole time by the container, if it is stated, not found by the stamps.

    In most videos they are `steady`: every frame is later than the last one, by `max_gap_s` at most. In others they
    have to be seen as a whole: the times of the frames are known after the last one, and the frames decoded again.
    """

    max_gap_s: float = 0.5
    step_s: float = 1 / 30
    duration_s: float | None = None
    steady: bool = True
    presentation: list[int | None] = field(default_factory=list)
    decoding: list[int | None] = field(default_factory=list)
    tick_s: tuple[int, int] = (1, 1)
    _last: float = 0
    _first_s: float = 0.0
    _last_s: float = 0.0
    _still: int = 0
    _ended: bool = False

    def read(self, frames: Iterable[Stamped]) -> Iterator[Timed]:
        """The frames with their times, up to the first fault; the stamps of the others are read, too."""
        for frame in frames:
            if not self.presentation and frame.time_base is not None:
                self.tick_s = frame.time_base.numerator, frame.time_base.denominator
            self.presentation.append(frame.pts)
            self.decoding.append(frame.dts)
            at_s = self._next_s() if self.steady else None
            if at_s is None:
                self.steady = False
            else:
                yield Timed(at_s, frame)

    def timeline(self) -> Timeline:
        """The times of all frames that have one."""
        return timeline(
            self.presentation,
            self.decoding,
            tick_s=self.tick_s,
            step_s=self.step_s,
            max_gap_s=self.max_gap_s,
            duration_s=self.duration_s,
        )

    def _next_s(self) -> float | None:
        """The time of the latest frame; None at a fault."""
        stamp: float | None = self.presentation[-1]
        stamp = self.decoding[-1] if stamp is None else stamp
        if stamp is None:
            # None has one, or the packets are over and frames come out that were held back for their order.
            self._ended = True
            stamp = self._last + _whole(self.step_s * self.tick_s[1] / self.tick_s[0]) if self.presentation[1:] else 0
        elif self._ended:
            return None
        self._last = stamp
        # The quotient of two integers: exact to the last bit, and a tenth of the cost of a product of fractions.
        at_s = stamp * self.tick_s[0] / self.tick_s[1]
        if not self.presentation[1:]:
            self._first_s = at_s
            return 0.0
        at_s -= self._first_s
        step_s = at_s - self._last_s
        self._last_s = at_s
        self._still = self._still + 1 if step_s < still_s(self.step_s) else 0
        rises = 0 < step_s <= self.max_gap_s + TIE_S
        return at_s if rises and self._still * self.step_s <= self.max_gap_s else None


def _whole(ticks: float) -> float:
    """A number of ticks, exact where it is a whole one but for its rounding."""
    return round(ticks) if abs(ticks - round(ticks)) < 1e-6 else ticks
