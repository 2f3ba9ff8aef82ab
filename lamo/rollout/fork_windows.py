"""Windows that start shortly before a fork of the synthetic world, a group of their own beside all others."""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from lamo.dataset.world_drives import ForkLabels
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.windows import choose_windows, thin
from lamo.stores.rollouts import Window

# Time between the last observed frame and the choice, s. The fork is seen, and which way the car goes is open.
SHORTLY_S = (0.1, 1.0)
ELSEWHERE = "elsewhere"


def rollout_windows(
    lengths: Mapping[str, int], config: RolloutsConfig, rate_hz: float, history: int, labels: ForkLabels | None
) -> list[Window]:
    """The windows of a run: those spread over the clips, and where forks are known those shortly before one.

    Of the latter there is one for each fork, at most `config.fork_windows` of a clip: one of those whose present frame
    (number `history`, from 0) comes shortly before the choice. Windows are ordered by clip and start; none is there
    twice. Raises `LamoError` if no clip is long enough.
    """
    length = history + 1 + max(config.horizon_steps(rate_hz))
    windows = choose_windows(lengths, length, config.stride_steps(rate_hz), config.windows_per_clip)
    if labels is None:
        return windows
    found = set(windows)
    for clip in sorted(lengths):
        starts = np.arange(max(0, lengths[clip] - length + 1))
        times = (starts + history) / rate_hz
        wait = labels.ahead(clip, times).wait_s
        near = comes_shortly(wait)
        # Windows of one fork have its instant in common, up to the time of a source frame.
        last = np.flatnonzero(np.diff((times + wait)[near]) > 0.5) + 1
        chosen: list[Window] = []
        for candidates in np.split(starts[near], last) if near.any() else []:
            # Any of them, by the clip's name: not always the nearest to the fork.
            start = int(candidates[crc32(f"{clip} {len(chosen)}".encode()) % len(candidates)])
            chosen.append(Window(clip, start, at_fork=True))
        # One that is there already stays what it is.
        found.update(thin(chosen, config.fork_windows) if config.fork_windows else [])
    return sorted(found, key=lambda window: (window.clip_id, window.start))


def comes_shortly(wait_s: np.ndarray) -> np.ndarray:
    """Whether a fork comes within `SHORTLY_S`, from the times until it [s]; False where none comes (NaN)."""
    return (wait_s >= SHORTLY_S[0] - 1e-6) & (wait_s <= SHORTLY_S[1] + 1e-6)


def groups_of(windows: Sequence[Window], history: int, rate_hz: float, labels: ForkLabels) -> list[str]:
    """The group of each window: the kind of the fork that it starts shortly before, or `ELSEWHERE`."""
    groups = []
    for window in windows:
        ahead = labels.ahead(window.clip_id, np.array([(window.start + history) / rate_hz]))
        groups.append(str(ahead.kind[0]) if comes_shortly(ahead.wait_s)[0] else ELSEWHERE)
    return groups
