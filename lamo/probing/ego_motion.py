"""The true ego motion of each step between two stored frames."""

from pathlib import Path

import numpy as np
import pandas as pd

from lamo.errors import LamoError

# What the probe reads from the tokens, with its unit.
TARGETS = {"speed": "m/s", "yaw_rate": "rad/s"}


class EgoMotion:
    """The true motion of the camera in every clip."""

    def __init__(self, table: str | Path) -> None:
        """`table`: way and heading at every source frame of each clip (`lamo.dataset.ego_motion`)."""
        self._table = Path(table)
        self._clips = dict(iter(pd.read_parquet(table).groupby("id")))

    def of(self, clip_id: str, times: np.ndarray) -> np.ndarray:
        """Mean of each target over the interval between consecutive frames at `times` [n] in s: float64 [n - 1, Q].

        Raises `LamoError` if the motion of the clip is not known, or not for all of its frames.
        """
        clip = self._clips.get(clip_id)
        if clip is None:
            raise LamoError(f"{self._table}: found no motion of clip {clip_id}, expected that of all; make it again")
        at = clip["time_s"].to_numpy()
        if times[0] < at[0] - 1e-3 or times[-1] > at[-1] + 1e-3:
            raise LamoError(
                f"{self._table}: clip {clip_id} has frames from {times[0]:g} to {times[-1]:g} s, found its motion from "
                f"{at[0]:g} to {at[-1]:g} s, expected it for all frames; with videos.poses the frame rate of a "
                "video must not vary"
            )
        reached = np.stack([np.interp(times, at, clip[name].to_numpy()) for name in ("way_m", "heading_rad")], axis=1)
        return np.diff(reached, axis=0) / np.diff(times)[:, None]
