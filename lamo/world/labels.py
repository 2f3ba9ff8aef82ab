"""What the synthetic world knows about each source frame of a drive, as a table."""

import numpy as np
import pandas as pd

from lamo.world.forks import WAYS
from lamo.world.simulation import CURVATURE_AHEAD_M, Drive

LEAD_RANGE_M = 80.0
CAR_RANGE_M = 60.0


def labels(drive: Drive, clip: str = "") -> pd.DataFrame:
    """The true world state, a row per source frame; NaN where there is no car ahead in the ego's lane.

    Columns: clip, frame, time_s, speed (m/s), acceleration (m/s2), yaw_rate (rad/s), curvature, curvature_ahead (1/m),
    light (0 to 1), lateral_offset (m), lead_distance, lead_lateral (m, against the ego), lead_relative_speed (m/s),
    cars_ahead (same direction, within 60 m), cars_oncoming (within 60 m), nearest_car_distance (m).
    Of the next fork: fork (junction, light, lead; empty where none is reached any more), fork_time_s (time until the
    first frame after the choice; s, NaN where there is none), fork_way (junction: left, straight, right; light: stop,
    go; lead: brake, go; else empty). `curvature_ahead` is NaN where a junction lies in between.
    """
    distance, oncoming = drive.car_distance, drive.car_oncoming[None, :]
    beside = drive.car_lateral - drive.lateral_offset[:, None]
    leads = (distance > 2.0) & (distance < LEAD_RANGE_M) & (np.abs(beside) < 2.0) & ~oncoming
    seen = (distance > 2.0) & (distance < CAR_RANGE_M)
    pick, rows = np.where(leads, distance, np.inf), np.arange(len(drive))
    table = pd.DataFrame(
        {
            "clip": clip,
            "frame": np.arange(len(drive), dtype=np.int64),
            "time_s": drive.t,
            "speed": drive.speed,
            "acceleration": drive.acceleration,
            "yaw_rate": drive.yaw_rate,
            "curvature": drive.curvature,
            "curvature_ahead": np.where(_divided_ahead(drive), np.nan, drive.curvature_ahead),
            "light": drive.light,
            "lateral_offset": drive.lateral_offset,
        }
    )
    for name in ("lead_distance", "lead_lateral", "lead_relative_speed", "nearest_car_distance"):
        table[name] = np.nan
    if distance.shape[1]:
        nearest, any_lead = pick.argmin(axis=1), leads.any(axis=1)
        for name, values in (("distance", distance), ("lateral", beside), ("relative_speed", drive.car_relative_speed)):
            table[f"lead_{name}"] = np.where(any_lead, values[rows, nearest], np.nan)
        table["nearest_car_distance"] = np.where(seen.any(1), np.where(seen, distance, np.inf).min(1), np.nan)
    table["cars_ahead"] = (seen & ~oncoming).sum(axis=1)
    table["cars_oncoming"] = (seen & oncoming).sum(axis=1)
    return table.assign(**_next_fork(drive))


def _next_fork(drive: Drive) -> dict[str, np.ndarray]:
    """The columns of the next fork."""
    forks, rows = drive.forks, np.arange(len(drive))
    following = forks.next(len(drive))
    known = following >= 0
    if not known.any():
        return {
            "fork": np.full(len(rows), ""),
            "fork_time_s": np.full(len(rows), np.nan),
            "fork_way": np.full(len(rows), ""),
        }
    frame = forks.frame[following]
    ways = np.array(WAYS[forks.kind])[forks.way[following]]
    return {
        "fork": np.where(known, forks.kind, ""),
        "fork_time_s": np.where(known, (frame - rows) * (drive.t[1] - drive.t[0]), np.nan),
        "fork_way": np.where(known, ways, ""),
    }


def _divided_ahead(drive: Drive) -> np.ndarray:
    """Whether a junction lies within 30 m, so that the curvature there depends on the way: bool [T]."""
    ahead = np.array([junction.position for junction in drive.forks.junctions]) - drive.position[:, None]
    return ((ahead > 0) & (ahead <= CURVATURE_AHEAD_M)).any(axis=1)
