"""Which time stamps of a video belong together: stretches of frames of one clock, from stamps of which some may be
missing or wrong.

One rule: a step of the clock back or forth by more than the gap is a break. Beside the stamps the frames count: between
two neighbours of a stretch the time by the frames and the time by the stamps differ by the gap at most. So a stamp of
another clock is passed over where the stamps before and after it fit together, and frames that the clock does not count
are a break.

Stamps are in ticks, None where a frame has none; `step`, the time of a frame, and `gap` are in ticks, too.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import isnan, nan
from statistics import median

# So many stamps in a row are passed over at most. It bounds the cost of a frame.
MOST_SKIPPED = 128
# A clock that moves by less than this share of a frame, and less than this time, stands still: some muxers bend stamps
# that do not rise to a tick more than the last one. Where the rate of frames changes, steps are as short as a share.
STILL = 1 / 8
STILL_S = 0.002
# A counter begins anew if one of so many stamps before it fits: the others may be of another clock.
LATEST = 8
Stamps = Sequence[float | None]


def faults(stamps: Stamps, gap: float) -> int:
    """How many frames have no stamp, or one that does not follow from the last one."""
    known = _known(stamps)
    return len(stamps) - len(known) + sum(not 0 < b[1] - a[1] <= gap for a, b in pairwise(known))


def unwrapped(stamps: Stamps, periods: Sequence[float], gap: float) -> list[float | None]:
    """The stamps of a counter that begins anew after one of `periods` (ticks), as those of a counter that does not."""
    turns = [0.0, *periods, *(-period for period in periods)]
    result: list[float | None] = []
    recent: list[float] = []
    offset = 0.0
    for stamp in stamps:
        if stamp is None:
            result.append(None)
            continue
        fitting = (turn for last in recent for turn in turns if abs(stamp + offset + turn - last) <= gap)
        offset += next(fitting, 0.0)
        recent = [stamp + offset, *recent[: LATEST - 1]]
        result.append(recent[0])
    return result


def frame_step(stamps: Stamps, otherwise: float, gap: float) -> float:
    """The time of a frame: the median of the stamps' steps, or `otherwise` where no step is one of a clock."""
    steps = ((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(_known(stamps)))
    return median([step for step in steps if 0 < step <= gap] or [otherwise])


def coarse_removed(stamps: Stamps) -> list[float | None]:
    """Where most stamps repeat the one before, as their ticks are too coarse, only the first of each tick."""
    known = _known(stamps)
    repeated = [b[0] for a, b in pairwise(known) if a[1] == b[1]]
    result = list(stamps)
    if 2 * len(repeated) > len(known):
        for index in repeated:
            result[index] = None
    return result


def still_s(step_s: float) -> float:
    """A clock that moves by less than this between two frames stands still, if a frame takes `step_s`."""
    return min(STILL * step_s, STILL_S)


def standing_removed(stamps: Stamps, step: float, gap: float, still: float) -> list[float | None]:
    """With no number (nan) in place of the stamps of a clock that stands still, by `still`, for longer than the gap."""
    result = list(stamps)
    run: list[int] = []
    for a, b in pairwise([*_known(stamps), (len(stamps), float("inf"))]):
        if 0 <= b[1] - a[1] < still:
            run.append(b[0])
            continue
        if len(run) * step > gap:
            for index in run:
                result[index] = nan
        run = []
    return result


def stretches(stamps: Stamps, step: float, gap: float, far: float, whole: float) -> list[list[int]]:
    """Stretches of frames without a break, one after the other, as indices of stamps that rise.

    The longest is found first, then the longest of what is left before and after it, and so on. A stamp that stands
    alone, while others do not, is of another clock, if it is not in order with its neighbours; also if it is more than
    `far` away, and that with the stretches makes more than `whole`, the time that the container states.
    """
    known = _known(stamps)
    length, before = _longest_chains(known, step, gap)
    taken = bytearray(len(known))
    found = []
    for tip in sorted(range(len(known)), key=lambda node: (-length[node], node)):
        if taken[tip] or isnan(known[tip][1]):
            continue
        node = tip
        chain = [tip]
        while before[node] >= 0 and not any(taken[before[node] : node]):
            node = before[node]
            chain.append(node)
        taken[node : tip + 1] = b"\1" * (tip + 1 - node)
        found.append([known[one][0] for one in reversed(chain)])
    longer = any(len(one) > 1 for one in found)
    return _without_lone(sorted(found), stamps, far, whole) if longer else sorted(found)


def _without_lone(found: list[list[int]], stamps: Stamps, far: float, whole: float) -> list[list[int]]:
    kept: list[list[int]] = []
    longest = max(far, whole - sum((stamps[one[-1]] or 0) - (stamps[one[0]] or 0) for one in found))
    for one, after in zip(found, [*found[1:], None], strict=True):
        beside = [*(last[-1] for last in kept[-1:]), one[0], *(after or [])[:1]]
        steps = [(stamps[b] or 0) - (stamps[a] or 0) for a, b in pairwise(beside)]
        if len(one) > 1 or all(0 < step <= longest for step in steps):
            kept.append(one)
    return kept


def _known(stamps: Stamps) -> list[tuple[int, float]]:
    return [(index, stamp) for index, stamp in enumerate(stamps) if stamp is not None]


def _counted(known: list[tuple[int, float]], follows: list[bool], step: float) -> list[float]:
    """Time by the frames up to each stamp: their own steps where they are steps of a clock, else `step` each."""
    counted = [0.0]
    for ((a, start), (b, end)), fits in zip(pairwise(known), follows[1:], strict=True):
        counted.append(counted[-1] + (end - start if fits else (b - a) * step))
    return counted


def _follows(known: list[tuple[int, float]], step: float, gap: float) -> list[bool]:
    """For every stamp, whether it follows from the one before it."""
    steps = (0 < b[1] - a[1] <= gap + (b[0] - a[0] - 1) * step for a, b in pairwise(known))
    return [False, *steps][: len(known)]


def _longest_chains(known: list[tuple[int, float]], step: float, gap: float) -> tuple[list[int], list[int]]:
    """For every stamp how long the longest chain is that ends there, and which one comes before it there (-1: none)."""
    length, before = [1] * len(known), [-1] * len(known)
    begin = [stamp for _, stamp in known]
    follows = _follows(known, step, gap)
    counted = _counted(known, follows, step)
    for node, (index, stamp) in enumerate(known):
        for other in range(node - 1, max(-1, node - MOST_SKIPPED - 2), -1):
            # Frames without a stamp take the time of a frame each.
            lost = (index - known[other][0] - (node - other)) * step
            elapsed = stamp - known[other][1]
            by_frames = counted[node] - counted[other]
            if by_frames > 2 * gap + lost:
                break
            linked = 0 < elapsed <= gap + lost and by_frames - elapsed <= gap
            # Here it is the clock that has gone back, not a stamp or two, and to where it began.
            restarted = follows[node] and node - other > 2 and known[other][1] - begin[other] < gap
            if linked and not restarted and length[other] + 1 >= length[node]:
                length[node], before[node], begin[node] = length[other] + 1, other, begin[other]
    return length, before
