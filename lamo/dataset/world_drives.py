"""Which drive of the synthetic world each clip is, and which forks it comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lamo.errors import LamoError

REMEDY = "delete 01_frames/world and run the workflow again"


class WorldDrives:
    """The drive that each clip is."""

    def __init__(self, found: pd.DataFrame) -> None:
        """`found`: id and path of each clip (see `lamo.dataset.discover.find_videos`)."""
        # A clip is named by its place below the folder of the videos, a drive by the name of its file.
        self._names = {clip: Path(path).stem for clip, path in zip(found["id"], found["path"], strict=True)}

    def name(self, clip_id: str) -> str:
        """Name of the drive (`lamo.world.simulation.clip_id`). Raises `LamoError` for a clip that was not found."""
        if clip_id not in self._names:
            raise LamoError(f"clip {clip_id}: the world's labels name no drive for it, it was not found; {REMEDY}")
        return self._names[clip_id]


@dataclass(frozen=True)
class Ahead:
    """The next fork at some times [n]: its kind ("" for none), the time until its choice (s, NaN), the way taken."""

    kind: np.ndarray
    wait_s: np.ndarray
    way: np.ndarray


class ForkLabels:
    """The forks of the drives that clips are."""

    def __init__(self, files: Iterable[str | Path], found: pd.DataFrame) -> None:
        """`files`: the tables that the renderer wrote (`lamo.world.labels`); `found` as in `WorldDrives`."""
        columns = ["clip", "time_s", "fork", "fork_time_s", "fork_way"]
        tables = pd.concat([pd.read_parquet(file, columns=columns) for file in files])
        self._of_drive = {str(name): table for name, table in tables.groupby("clip")}
        self._drives = WorldDrives(found)

    @classmethod
    def read(cls, files: Sequence[str | Path]) -> "ForkLabels | None":
        """From found.parquet and the tables of the renderer, in this order; None where there are no files."""
        return cls(files[1:], pd.read_parquet(files[0])) if files else None

    def ahead(self, clip_id: str, times: np.ndarray) -> Ahead:
        """The next fork at each of `times` [n] (s) of a clip, by the source frame nearest to it.

        Raises `LamoError` if there are no labels for the clip.
        """
        name = self._drives.name(clip_id)
        if name not in self._of_drive:
            raise LamoError(f"clip {clip_id}: the world's labels name no drive {name}; {REMEDY}")
        table = self._of_drive[name]
        at = table["time_s"].to_numpy()
        rows = np.abs(at[None, :] - np.asarray(times)[:, None]).argmin(axis=1)
        kind, wait, way = (table[column].to_numpy()[rows] for column in ("fork", "fork_time_s", "fork_way"))
        return Ahead(kind.astype(str), wait.astype(np.float64), way.astype(str))
