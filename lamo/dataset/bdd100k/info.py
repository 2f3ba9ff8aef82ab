"""BDD100K's info files: where and how fast the car was, and how the phone turned, while a video was recorded.

info/100k/<split>/<name>.json lies beside videos/<split>/<name>.mov: rideID, startTime and endTime (ms since 1970),
timelapse, and series of points with timestamp (ms since 1970): `locations` (about one per second) and `gps` (as the
phone gave them), each with latitude, longitude, speed and more, `gyro` and `accelerometer` with x, y, z. Any of them
may be absent, a speed of -1 is unknown, some files are empty, and their `filename` is not the name of the video.
"""

import json
import math
import multiprocessing
import stat
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lamo.dataset.companions import Companions
from lamo.dataset.tables import column
from lamo.progress import Bar

JOINED, MISSING, UNREADABLE = "joined", "missing", "unreadable"
# A file of 40 s is 0.3 MB; one that is much larger is something else, and could fill the memory.
MAX_BYTES = 16 * 2**20
MAX_SPEED_MPS = 100.0
MAX_TURN_RADPS = 100.0

INFO_SCHEMA = pa.schema(
    [
        column(
            "info_status",
            pa.string(),
            "joined, missing (the video has no info file) or unreadable; null if there is no folder of info files",
        ),
        column("info_reason", pa.string(), "why it is unreadable, or what a joined one lacks; empty if nothing"),
        column("ride_id", pa.string(), "ride that the video is a part of"),
        column("start_time_ms", pa.int64(), "start of the recording; ms since 1970-01-01 UTC"),
        column("info_duration_s", pa.float64(), "duration of the recording by its start and end; s"),
        column("timelapse", pa.bool_(), "whether the recording is marked as time-lapse"),
        column("gps_points", pa.int32(), "usable GPS fixes of the whole video; count"),
        column("latitude", pa.float64(), "latitude of the first fix; degrees north"),
        column("longitude", pa.float64(), "longitude of the first fix; degrees east"),
        column("speed_mean_mps", pa.float64(), "mean of the GPS speeds of the whole video; m/s"),
        column("speed_max_mps", pa.float64(), "largest GPS speed of the whole video; m/s"),
        column("gyro_points", pa.int32(), "usable points of the gyroscope; count"),
        column(
            "gyro_mean_radps",
            pa.float64(),
            "mean rate at which the phone turned, about whatever axis (how it was mounted is unknown); rad/s",
        ),
        column("gyro_max_radps", pa.float64(), "largest rate at which the phone turned; rad/s"),
    ]
)


class _UnreadableError(Exception):
    """Why an info file cannot be read."""


def info_table(found: pd.DataFrame, companions: Companions, workers: int) -> pa.Table:
    """One row per clip of `found`: its id and split, and the columns of `INFO_SCHEMA`.

    Parts of one video have the same row: what it says is of the whole video. Nothing in a file raises.
    """
    videos = list(companions.files)
    known = dict(zip(videos, _read_all([companions.files[video] for video in videos], workers), strict=True))
    missing = {"info_status": MISSING, "info_reason": ""}
    rows = [
        {"id": clip.id, "split": clip.split, **known.get(str(clip.path), missing)}
        for clip in found[["id", "split", "path"]].itertuples(index=False)
    ]
    keys = [column("id", pa.string(), "name of the clip"), column("split", pa.string(), "train or val")]
    return pa.Table.from_pylist(rows, schema=pa.schema([*keys, *INFO_SCHEMA]))


def read_info(path: str | Path) -> dict[str, Any]:
    """What one info file says, keys as in `INFO_SCHEMA`; a file of any content gives a row and raises nothing."""
    try:
        content = _load(Path(path))
    except _UnreadableError as error:
        return {"info_status": UNREADABLE, "info_reason": str(error)}
    start, end = _number(content.get("startTime")), _number(content.get("endTime"))
    row = {
        "ride_id": _text(content.get("rideID")),
        "start_time_ms": int(start) if 0 < start < 2**53 else None,
        "info_duration_s": (end - start) / 1000 if 0 < start < end < 2**53 else None,
        "timelapse": content["timelapse"] if isinstance(content.get("timelapse"), bool) else None,
        **_positions(content),
        **_speeds(content),
        **_rotation(content),
    }
    absent = [
        what
        for what, key in (
            ("no start time", "start_time_ms"),
            ("no GPS fix", "latitude"),
            ("no speed", "speed_mean_mps"),
            ("no gyroscope", "gyro_mean_radps"),
        )
        if row[key] is None
    ]
    return {"info_status": JOINED, "info_reason": "; ".join(absent), **row}


def _read_all(paths: list[Path], workers: int) -> list[dict[str, Any]]:
    bar: dict[str, Any] = {"total": len(paths), "desc": "info files", "unit": "file"}
    if workers < 2 or len(paths) < 100:
        return [read_info(path) for path in Bar(paths, **bar)]
    # Forked: a fresh interpreter would run the script of the rule again, which has no main guard.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        return list(Bar(pool.map(read_info, paths, chunksize=32), **bar))


def _load(path: Path) -> dict[str, Any]:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise _UnreadableError("not a regular file")
        if state.st_size > MAX_BYTES:
            raise _UnreadableError(f"too large for an info file (more than {MAX_BYTES // 2**20} MiB)")
        text = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"cannot be read ({error.strerror or type(error).__name__})") from error
    if not text.strip():
        raise _UnreadableError("empty file")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"not JSON ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise _UnreadableError(f"holds a JSON {type(content).__name__}, expected an object")
    return content


def _positions(content: dict[str, Any]) -> dict[str, Any]:
    """Number of fixes and the first of them, from `locations`, or from `gps` if it has none."""
    for series in ("locations", "gps"):
        points = _series(content, series, ("timestamp", "latitude", "longitude"))
        when, latitude, longitude = points.T
        usable = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180) & ((latitude != 0) | (longitude != 0))
        if usable.any():
            order = np.where(np.isnan(when), np.inf, when)[usable]
            first = points[usable][int(order.argmin())]
            return {"gps_points": int(usable.sum()), "latitude": float(first[1]), "longitude": float(first[2])}
    return {"gps_points": 0, "latitude": None, "longitude": None}


def _speeds(content: dict[str, Any]) -> dict[str, float | None]:
    for series in ("locations", "gps"):
        speed = _series(content, series, ("speed",))[:, 0]
        speed = speed[(speed >= 0) & (speed <= MAX_SPEED_MPS)]
        if len(speed):
            return {"speed_mean_mps": float(speed.mean()), "speed_max_mps": float(speed.max())}
    return {"speed_mean_mps": None, "speed_max_mps": None}


def _rotation(content: dict[str, Any]) -> dict[str, Any]:
    axes = _series(content, "gyro", ("x", "y", "z"))
    with np.errstate(over="ignore"):
        rate = np.sqrt((axes**2).sum(axis=1))
    rate = rate[rate <= MAX_TURN_RADPS]
    if not len(rate):
        return {"gyro_points": 0, "gyro_mean_radps": None, "gyro_max_radps": None}
    return {"gyro_points": len(rate), "gyro_mean_radps": float(rate.mean()), "gyro_max_radps": float(rate.max())}


def _series(content: dict[str, Any], name: str, keys: Iterable[str]) -> np.ndarray:
    """The points of a series as numbers [n, keys]; NaN where a point has none."""
    points, keys = content.get(name), tuple(keys)
    points = points if isinstance(points, list) else []
    rows = [[_number(point.get(key)) for key in keys] for point in points if isinstance(point, dict)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(keys))


def _number(value: Any) -> float:
    """A finite number, also one written as text; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _text(value: Any) -> str | None:
    """A name of at most 200 signs that can be written as UTF-8; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:200].encode("utf-8", "replace").decode("utf-8") or None
