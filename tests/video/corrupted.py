"""Sequences of time stamps of which the truth is known, with the faults that recorders and muxers leave behind."""

from dataclasses import dataclass, replace

import numpy as np

TICK = 90_000
MAX_GAP_S = 0.5


@dataclass(frozen=True)
class Frame:
    """A frame as it is decoded: `pts` in ticks or None. The truth: its recording, and the time in it.

    `right`: whether its stamp says what it should, or would if it were there.
    """

    recording: int
    true_s: float
    pts: int | None
    right: bool = True


def recording(rng: np.random.Generator, number: int, count: int, rate: float, start: int, jitter: float) -> list[Frame]:
    """Frames at a rate with a jitter (share of a frame), the first at `start` ticks."""
    ticks = np.round((np.arange(count) + jitter * rng.uniform(-1, 1, count)) * TICK / rate).astype(int)
    return [Frame(number, float(at) / TICK, start + int(at)) for at in ticks]


def spliced(rng: np.random.Generator, rate: float, parts: list[int], jitter: float) -> list[Frame]:
    """Recordings one after the other; in between the clock steps back or forth, once by little more than the gap.

    Far steps else: after two steps that cancel each other out, nothing would tell a short recording from bad stamps.
    """
    near = rng.integers(len(parts))
    frames: list[Frame] = []
    start = int(rng.integers(2**33))
    for number, count in enumerate(parts):
        frames += recording(rng, number, count, rate, start, jitter)
        far = rng.uniform(0.55, 4) if number == near else rng.uniform(1e4, 4e4)
        start = frames[-1].pts + round(rng.choice([-1, 1]) * far * TICK)
    return frames


def outlier(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """One stamp of another clock."""
    wrong = frames[at].pts + round(rng.choice([-1, 1]) * rng.uniform(20, 5000) * TICK)
    return _with(frames, at, replace(frames[at], pts=wrong, right=False))


def near_outlier(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """One stamp that is off by less than the gap."""
    wrong = frames[at].pts + round(rng.choice([-1, 1]) * rng.uniform(0.1, 0.45) * TICK)
    return _with(frames, at, replace(frames[at], pts=wrong, right=False))


def outliers(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """A few stamps in a row, each of another clock or all of the same."""
    same = int(rng.choice([-1, 1]) * rng.uniform(20, 5000) * TICK)
    for place in range(at, min(at + 3, len(frames))):
        if rng.random() < 0.5:
            frames = _with(frames, place, replace(frames[place], pts=frames[place].pts + same, right=False))
        else:
            frames = outlier(frames, place, rng)
    return frames


def repeated(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """A stamp like the one before."""
    before = frames[max(0, at - 1)].pts
    return _with(frames, at, replace(frames[at], pts=before, right=at == 0)) if before is not None else frames


def missing(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """Frames in a row without a stamp."""
    for place in range(at, min(at + int(rng.integers(1, 4)), len(frames))):
        frames = _with(frames, place, replace(frames[place], pts=None))
    return frames


def dropped(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """Frames in a row that are not in the file."""
    return frames[:at] + frames[at + int(rng.integers(1, 4)) :]


def swapped(frames: list[Frame], at: int, rng: np.random.Generator) -> list[Frame]:
    """Two neighbours in the wrong order, if they are of one recording."""
    pair = frames[at : at + 2]
    return frames[:at] + pair[::-1] + frames[at + 2 :] if len({frame.recording for frame in pair}) == 1 else frames


FAULTS = (outlier, outliers, repeated, missing, dropped, swapped)


def corrupted(rng: np.random.Generator, frames: list[Frame], count: int, faults=FAULTS) -> list[Frame]:
    """With so many faults, the first or last frame among them more often than by chance; no frame has two."""
    free = set(range(len(frames)))
    for _ in range(count):
        at = int(rng.choice([0, len(frames) - 1, *rng.integers(len(frames), size=3)]))
        if set(range(at - 1, at + 6)) & set(range(len(frames))) <= free:
            free -= set(range(at - 1, at + 6))
            changed = faults[rng.integers(len(faults))](frames, at, rng)
            if len(changed) < len(frames):
                free = {place - (len(frames) - len(changed)) if place > at else place for place in free}
            frames = changed
    return frames


def wrapped(frames: list[Frame], bits: int) -> list[Frame]:
    """The stamps of a counter of so many bits."""
    return [replace(frame, pts=None if frame.pts is None else frame.pts % 2**bits) for frame in frames]


def _with(frames: list[Frame], at: int, frame: Frame) -> list[Frame]:
    return [*frames[:at], frame, *frames[at + 1 :]]
