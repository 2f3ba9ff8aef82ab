"""Means of the table's rows over groups of windows: by the fork that comes shortly, or by the folder of the video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lamo.dataset.division import folder_of
from lamo.errors import LamoError
from lamo.metrics.comparisons import Scored
from lamo.metrics.rows import rows_in_order
from lamo.rollout.fork_windows import ELSEWHERE
from lamo.statistics.intervals import ClipBootstrap, Interval
from lamo.stores.rollouts import Window
from lamo.world.forks import WAYS

BY_FORK = (
    "by what the windows start shortly before (0.1 to 1 s): a junction, a traffic light, a leading car that may brake; "
    "elsewhere: none of these in that time. These windows, of which some were chosen for their fork, are not those of "
    "the main table"
)
BY_FOLDER = "by the folder of the videos. The main table has the mean over all of these windows"


@dataclass(frozen=True)
class GroupMean:
    """A metric of a row at one horizon [s], over the windows of one group: mean and interval over clips and seeds."""

    group: str
    label: str
    horizon_s: float
    metric: str
    interval: Interval
    windows: int
    clips: int


def group_means(
    values: pa.Table,
    replicates: pa.Table,
    groups: Mapping[Window, str],
    horizons_s: Sequence[float],
    resamples: int,
) -> list[GroupMean]:
    """Means of the metrics by which rows are compared, but for distances between sets, which have no windows.

    `values` and `replicates` are those of `Scores`; `groups` names the group of every window. Kinds of forks stand
    first, then `ELSEWHERE`, then other names by the alphabet; rows stand in the table's order. Raises `LamoError` if a
    window has no group.
    """
    found = []
    names = [*WAYS, ELSEWHERE]
    names += sorted(set(groups.values()) - set(names))
    for horizon in horizons_s:
        scored = Scored(values, replicates, horizon, every_window=True)
        for label in _labels(scored):
            windows = [Window(clip, int(start)) for clip, start in scored.windows(label)]
            missing = [window for window in windows if window not in groups]
            if missing:
                raise LamoError(f"metrics: the group of {missing[0]} is not known; run stages 06 and 07 again")
            own = np.array([groups[window] for window in windows])
            for group in names:
                chosen = np.flatnonzero(own == group)
                if len(chosen):
                    clips = [windows[index].clip_id for index in chosen]
                    bootstrap = ClipBootstrap(clips, resamples)
                    for name in (name for name in scored.metrics if scored.has(label, name)):
                        numbers = scored.values(label, name).to_numpy()[chosen]
                        interval = bootstrap.mean(numbers, seeded=True)
                        size = len(chosen), bootstrap.clips
                        found.append(GroupMean(group, label, horizon, name, interval, *size))
    return found


def folders_of(windows: Sequence[Window], names: Sequence[str]) -> list[str]:
    """The folder of videos that each window's clip lies in, of folders with these names."""
    folders = [folder_of(window.clip_id) for window in windows]
    if unknown := sorted(set(folders) - set(names)):
        raise LamoError(
            f"metrics: found clips of {unknown[0]}, expected those of {', '.join(names)}; run stage 06 again"
        )
    return folders


def _labels(scored: Scored) -> list[str]:
    """Labels of the rows in the table's order."""
    by_row = {row: label for label, row in scored.rows.items()}
    return [by_row[row] for row in rows_in_order(scored.rows.values())]
