"""Camera poses of videos that were not made here: a table with a row per frame (`videos.poses`)."""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lamo.errors import LamoError

POSITION, DIRECTION = ["x", "y", "z"], ["dx", "dy", "dz"]
COLUMNS = ["file", "frame", *POSITION, *DIRECTION]
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".csv.gz": pd.read_csv,
}
# A direction that is nearer to the vertical than 6 degrees has no heading.
LEAST_HORIZONTAL = 0.1


@dataclass(frozen=True)
class Way:
    """Of each frame: length of the way so far (m), and heading, without jumps, growing to the right (rad)."""

    way_m: np.ndarray
    heading_rad: np.ndarray


def poses_file(path: str) -> str:
    """`path`, if it can be a table of poses. Raises `LamoError` if it is no file, or has another ending."""
    if not Path(path).is_file():
        found = "a folder" if Path(path).is_dir() else "nothing"
        raise LamoError(
            f"config: videos.poses: found {found} at {path}, expected a table; correct the path or set null"
        )
    if not path.endswith(tuple(READERS)):
        raise LamoError(f"config: videos.poses: found {path}, expected a file that ends in {', '.join(READERS)}")
    return path


class Poses:
    """The poses of all frames of some videos.

    The table has the columns file (path below videos.root), frame (0, 1, ... of the file), x, y, z (position, m) and
    dx, dy, dz (direction in which the camera looks), in axes that are right-handed with z up.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises `LamoError` if the table cannot be read, lacks a column or holds what is no number."""
        self.path = Path(path)
        table = self._read()
        missing = [name for name in COLUMNS if name not in table]
        if missing:
            raise self._error(f"no column {', '.join(missing)} among {', '.join(map(str, table))}", "all of them")
        numbers = table[COLUMNS[1:]].apply(pd.to_numeric, errors="coerce")
        bad = np.flatnonzero(~np.isfinite(numbers.to_numpy(np.float64)).all(axis=1))
        if len(bad):
            row = table.iloc[bad[0]]
            raise self._error(f"no number in row {bad[0]} ({row['file']}, frame {row['frame']})", "numbers alone")
        numbers["file"] = [os.path.normpath(str(name)) for name in table["file"]]
        self._files = {str(name): rows.sort_values("frame") for name, rows in numbers.groupby("file")}

    def of(self, video: str, root: str | Path) -> Way:
        """The way of the camera in the file `video` below `root`.

        Raises `LamoError` if there are no poses of it, if its frames are not 0, 1, ..., or if the camera looks up or
        down.
        """
        name = os.path.relpath(video, root)
        rows = self._files.get(name)
        if rows is None:
            known = ", ".join(list(self._files)[:3])
            raise self._error(f"no poses of {name} (it names {known}, ...)", "those of every video below videos.root")
        if not np.array_equal(rows["frame"], np.arange(len(rows))):
            raise self._error(f"other frames of {name} than 0 to {len(rows) - 1}", "every frame once")
        position, direction = (rows[names].to_numpy(np.float64) for names in (POSITION, DIRECTION))
        length = np.linalg.norm(direction, axis=1)
        steep = np.flatnonzero(~(np.linalg.norm(direction[:, :2], axis=1) > LEAST_HORIZONTAL * length))
        if len(steep):
            raise self._error(f"a direction without heading at {name}, frame {steep[0]}", "z upwards, a camera ahead")
        steps = np.linalg.norm(np.diff(position, axis=0), axis=1)
        # Seen from above with z up, angles grow to the left.
        heading = -np.unwrap(np.arctan2(direction[:, 1], direction[:, 0]))
        return Way(np.concatenate([[0.0], np.cumsum(steps)]), heading)

    def _read(self) -> pd.DataFrame:
        reader = next(read for ending, read in READERS.items() if str(self.path).endswith(ending))
        try:
            return reader(self.path)
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise self._error(f"what cannot be read ({' '.join(str(error).split())[:200]})", "a table") from error

    def _error(self, found: str, expected: str) -> LamoError:
        return LamoError(f"videos.poses {self.path}: found {found}, expected {expected}; correct the table")
