"""Which way the futures of each row go at a fork, beside how often each way is really taken.

The way of a future is that of the true future that it is nearest to. True futures with known ways come from running the
synthetic world again from the same frame. Nothing is learned for this, so that nothing favours a method.

Shapes: W windows, S samples, T steps, R reference futures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lamo.dataset.world_drives import ForkLabels
from lamo.errors import LamoError
from lamo.images import blur_frames
from lamo.metrics.rows import row_label, rows_in_order
from lamo.progress import Bar
from lamo.rollout.fork_windows import comes_shortly
from lamo.rollout.ideal_futures import Branching
from lamo.statistics.intervals import ClipBootstrap, Interval
from lamo.stores.rollouts import Rollouts, Window
from lamo.world.forks import WAYS

# True futures of a window that others are compared with, and the number of the first of them, far from those that are
# scored. Own choice: among 24 none of three ways is missing but for one window in ten thousand.
REFERENCES, FIRST = 24, 1000
# When after the choice a way shows, s: later the ways of different futures are far apart for other reasons.
SHOWS_S = (0.4, 1.2)
# Blur with which futures are compared, pixels at a width of 64; measured: so also hazy futures are told apart.
SMOOTH = 2.0
TRUTH = "truth"


@dataclass(frozen=True)
class Fork:
    """A window shortly before a fork, and true futures of it.

    Attributes:
        row: number of the window among those of the run.
        window: the window.
        kind: kind of the fork.
        taken: index in `WAYS[kind]` of the way that was taken.
        steps: numbers of the steps, from 0, in which the way shows.
        frames: frames of true futures at these steps, blurred, uint8 [R, steps, H, W, 3].
        ways: index in `WAYS[kind]` of the way of each, [R].
    """

    row: int
    window: Window
    kind: str
    taken: int
    steps: np.ndarray
    frames: np.ndarray
    ways: np.ndarray

    def ways_of(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The way that each of the futures uint8 [S, T, H, W, 3] goes, [S], and how clearly, [S].

        The distance to a way is that to the nearest true future that takes it: root mean square over pixels, mean over
        steps. Clearly is 1 less the smallest distance over the next larger one: 0 between two ways, 1 on one.
        """
        difference = _smooth(frames[:, self.steps]).astype(np.float32)[:, None] - self.frames[None]
        apart = np.sqrt(np.square(difference).mean(axis=(3, 4, 5))).mean(axis=2)
        each = np.stack([apart[:, self.ways == way].min(axis=1) for way in range(len(WAYS[self.kind]))], axis=1)
        nearest, next_one = np.sort(each, axis=1)[:, :2].T
        return each.argmin(axis=1), 1 - nearest / np.maximum(next_one, 1e-6)


def find_forks(windows: Sequence[Window], branching: Branching, labels: ForkLabels) -> list[Fork]:
    """The windows shortly before a fork, with true futures of each.

    Windows are left out that end before a way shows, or where one of the ways is missing among the true futures.
    """
    found = []
    rate = branching.frames.rate_hz
    for row, window in enumerate(Bar(windows, desc="ways of true futures", unit="window", mininterval=2.0)):
        ahead = labels.ahead(window.clip_id, np.array([(window.start + branching.history) / rate]))
        kind, wait, way = str(ahead.kind[0]), float(ahead.wait_s[0]), str(ahead.way[0])
        after = np.arange(1, branching.steps + 1) / rate - wait
        steps = np.flatnonzero((after >= SHOWS_S[0] - 1e-6) & (after <= SHOWS_S[1] + 1e-6))
        if not comes_shortly(ahead.wait_s)[0] or not len(steps):
            continue
        present = branching.source_frames(window)[0]
        drives = branching.futures(window, REFERENCES, FIRST)
        # Of all these the next fork is the same one.
        number = int(((drives[0].forks.frame >= 0) & (drives[0].forks.frame <= present)).sum())
        ways = np.array([drive.forks.way[number] for drive in drives])
        if set(range(len(WAYS[kind]))) <= set(ways.tolist()):
            frames = _smooth(np.stack([branching.pictures(drive, window)[steps] for drive in drives]))
            found.append(Fork(row, window, kind, WAYS[kind].index(way), steps, frames, ways))
    return found


def _smooth(frames: np.ndarray) -> np.ndarray:
    """Frames uint8 [..., H, W, 3] blurred."""
    return blur_frames(frames, SMOOTH * frames.shape[-2] / 64)


@dataclass(frozen=True)
class Mode:
    """A measure of a row at forks of one kind: mean with its interval over clips and training seeds.

    `measure` is a way (the share of futures that take it), "as it happened" (the share that takes the way of the
    truth), "ways" (different ways among the futures of a window; NaN with one) or "clearly" (see `Fork.ways_of`).
    """

    kind: str
    label: str
    measure: str
    interval: Interval
    windows: int
    clips: int
    samples: int


@dataclass(frozen=True)
class _Found:
    """Of one set and one kind: ways and clearness [W, S]."""

    ways: np.ndarray
    clearly: np.ndarray


def measure_modes(
    forks: Sequence[Fork], sets: Iterable[tuple[str, str, int | None, Rollouts]], resamples: int
) -> list[Mode]:
    """Measures of the truth and of all rows, by kind of fork. `sets`: method, sampler, seed and rollouts of each.

    The truth comes first, then the rows in the table's order. Sets are read one after another, so that the frames of
    only one are in memory. Raises `LamoError` if one has other windows than the forks.
    """
    kinds = [kind for kind in WAYS if any(fork.kind == kind for fork in forks)]
    of_kind = {kind: [fork for fork in forks if fork.kind == kind] for kind in kinds}
    truth = {}
    for kind, own in of_kind.items():
        taken = np.array([[fork.taken] for fork in own])
        truth[kind] = [_Found(taken, np.full(taken.shape, np.nan))]
    found: dict[tuple[str, str], dict[str, list[_Found]]] = {}
    for method, sampler, _, rollouts in sets:
        if any(rollouts.windows[fork.row : fork.row + 1] != [fork.window] for fork in forks):
            raise LamoError(
                f"rollouts of {row_label(method, sampler)}: found other windows than those of the truth; all stores of "
                "a run must hold the same windows, run stage 06 again"
            )
        row = found.setdefault((method, sampler), {})
        for kind, own in of_kind.items():
            each = [fork.ways_of(rollouts.frames[fork.row]) for fork in own]
            row.setdefault(kind, []).append(_Found(np.stack([w for w, _ in each]), np.stack([c for _, c in each])))
    rows = {TRUTH: truth, **{row_label(*row): found[row] for row in rows_in_order(found)}}
    return [
        mode
        for kind in kinds
        for label, row in rows.items()
        for mode in _measures(kind, label, row[kind], of_kind[kind], resamples)
    ]


def _measures(kind: str, label: str, seeds: Sequence[_Found], forks: Sequence[Fork], resamples: int) -> list[Mode]:
    """All measures of a row at the forks of one kind."""
    clips = [fork.window.clip_id for fork in forks]
    bootstrap = ClipBootstrap(clips, resamples)
    ways = np.stack([one.ways for one in seeds], axis=1)
    taken = np.array([fork.taken for fork in forks])[:, None, None]
    values = {name: ways == way for way, name in enumerate(WAYS[kind])}
    values["as it happened"] = ways == taken
    different = np.array([[len(set(samples)) for samples in window] for window in ways.tolist()], dtype=np.float64)
    values["ways"] = different if ways.shape[2] > 1 else np.full(different.shape, np.nan)
    values["clearly"] = np.stack([one.clearly for one in seeds], axis=1)
    size = len(forks), bootstrap.clips, ways.shape[2]
    return [
        Mode(kind, label, name, bootstrap.mean(value.astype(np.float64), seeded=True), *size)
        for name, value in values.items()
    ]
