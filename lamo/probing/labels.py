"""The synthetic world's true ego motion for each step between two stored frames."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lamo.dataset.world_drives import REMEDY, WorldDrives
from lamo.errors import LamoError

# What the probe reads from the tokens, with its unit.
TARGETS = {"speed": "m/s", "yaw_rate": "rad/s"}


class WorldLabels:
    """Labels of all drives by clip id."""

    def __init__(self, files: Iterable[str | Path], found: pd.DataFrame) -> None:
        """`files`: the tables that the renderer wrote; `found`: id and path of each clip (see `find_videos`)."""
        columns = ["clip", "time_s", *TARGETS]
        self._drives: dict[Any, pd.DataFrame] = {}
        for file in files:
            self._drives |= dict(iter(pd.read_parquet(file, columns=columns).groupby("clip")))
        self._names = WorldDrives(found)

    def of(self, clip_id: str, times: np.ndarray) -> np.ndarray:
        """Mean of each target over the interval between consecutive frames at `times` [n] in s: float64 [n - 1, Q].

        Raises `LamoError` if there are no labels for the clip or they end before its frames.
        """
        name = self._names.name(clip_id)
        drive = self._drives.get(name)
        if drive is None:
            raise LamoError(f"clip {clip_id}: the world's labels name no drive {name}; {REMEDY}")
        at = drive["time_s"].to_numpy()
        if times[0] < at[0] - 1e-3 or times[-1] > at[-1] + 1e-3:
            raise LamoError(
                f"clip {clip_id}: frames from {times[0]:g} to {times[-1]:g} s, but labels from {at[0]:g} to "
                f"{at[-1]:g} s; {REMEDY}"
            )
        return interval_means(at, drive[list(TARGETS)].to_numpy(np.float64), times)


def interval_means(at: np.ndarray, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Means of `values` [T, Q], known at the times `at` [T], between consecutive `times` [n]: [n - 1, Q].

    The integral is that of the trapezium rule, as in the simulation of the world.
    """
    areas = 0.5 * (values[1:] + values[:-1]) * np.diff(at)[:, None]
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(areas, axis=0)])
    reached = np.stack([np.interp(times, at, column) for column in total.T], axis=1)
    return np.diff(reached, axis=0) / np.diff(times)[:, None]
