"""How the camera really moved in each clip: way and heading at every source frame, where it is known.

The synthetic world knows the speed and yaw rate of its drives; for other videos a table of camera poses may tell.
"""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.integrate import cumulative_trapezoid

from lamo.dataset.poses import Poses
from lamo.dataset.tables import column
from lamo.dataset.world_drives import REMEDY, WorldDrives
from lamo.errors import LamoError

MOTION_SCHEMA = pa.schema(
    [
        column("id", pa.string(), "name of the clip"),
        column("time_s", pa.float64(), "time of the frame after the video's first frame; s"),
        column("way_m", pa.float64(), "length of the way since the first frame; m"),
        column("heading_rad", pa.float64(), "direction of the camera, without jumps, growing to the right; rad"),
    ]
)


def motion_of_drives(labels: Iterable[str | Path], found: pd.DataFrame) -> pa.Table:
    """The motion of the synthetic world's clips, integrated by the trapezium rule as in the simulation.

    `labels`: the tables that the renderer wrote; `found`: id and path of each clip. Raises `LamoError` if a clip has no
    labels.
    """
    tables = [pd.read_parquet(file, columns=["clip", "time_s", "speed", "yaw_rate"]) for file in labels]
    drives = {str(name): table for table in tables for name, table in table.groupby("clip")}
    names = WorldDrives(found)
    parts = []
    for clip in found["id"]:
        drive = drives.get(names.name(clip))
        if drive is None:
            raise LamoError(f"clip {clip}: the world's labels name no drive {names.name(clip)}; {REMEDY}")
        times = drive["time_s"].to_numpy()
        way_m, heading_rad = (cumulative_trapezoid(drive[name], times, initial=0) for name in ("speed", "yaw_rate"))
        parts.append(_part(clip, times, way_m, heading_rad))
    return _joined(parts)


def motion_of_poses(poses: Poses, clips: pd.DataFrame, found: pd.DataFrame, root: str | Path) -> pa.Table:
    """The motion of clips whose poses are known.

    `clips`: what became of the videos (`lamo.dataset.schema`), of which quarantined ones are left out; `found`: id and
    path of each clip, where it lies now; `root`: the folder below which the poses name their files. Raises `LamoError`
    if a clip has no poses, or not one for each frame.
    """
    parts, paths = [], dict(zip(found["id"], found["path"], strict=True))
    for clip in clips[clips["frames"] > 0].to_dict("records"):
        way = poses.of(paths[clip["id"]], root)
        _check_length(poses, len(way.way_m), {**clip, "path": paths[clip["id"]]})
        times = np.arange(len(way.way_m)) / clip["source_fps"]
        parts.append(_part(clip["id"], times, way.way_m, way.heading_rad))
    return _joined(parts)


def _check_length(poses: Poses, found: int, clip: dict[Hashable, Any]) -> None:
    rate, duration = clip["source_fps"], clip["duration_s"]
    if not (rate > 0 and duration > 0):
        raise LamoError(
            f"videos.poses {poses.path}: found no frame rate or duration in {clip['path']}, by which poses are matched "
            "with frames; write the video to a file that states them, or leave videos.poses out"
        )
    # A duration may or may not count the time of the last frame.
    expected = duration * rate
    if not expected - 1.5 < found < expected + 1.5:
        raise LamoError(
            f"videos.poses {poses.path}: found {found} poses of {clip['path']}, expected one per frame, {expected:.0f} "
            f"({duration:g} s at {rate:g} frames per second); give every frame its pose"
        )


def _part(clip: str, times: np.ndarray, way_m: np.ndarray, heading_rad: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"id": clip, "time_s": times, "way_m": way_m, "heading_rad": heading_rad})


def _joined(parts: list[pd.DataFrame]) -> pa.Table:
    if not parts:
        return MOTION_SCHEMA.empty_table()
    return pa.Table.from_pandas(pd.concat(parts), schema=MOTION_SCHEMA, preserve_index=False)
