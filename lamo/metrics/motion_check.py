"""Two checks of the oracle rollouts: do motion tokens carry motion, and does the forward model carry content?

Read them before any row is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lamo.errors import LamoError
from lamo.metrics.long_form import without_forks
from lamo.rollout.control_names import ORACLE
from lamo.statistics.intervals import ClipBootstrap, Interval

SHUFFLED, BLURRED = "shuffled_motion", "persistence_blurred"
WINDOW = ["clip", "window_start"]


@dataclass(frozen=True)
class MotionCheck:
    """The checks at one horizon [s]: means over windows, with intervals over clips; NaN without any number.

    Attributes:
        over_shuffled_db: PSNR of the oracle rollouts minus that of rollouts with another clip's motion tokens [dB].
        over_blurred_db: PSNR of the oracle rollouts minus that of the blurred last frame [dB].
        sharpness: of the oracle rollouts.
    """

    horizon_s: float
    over_shuffled_db: Interval
    over_blurred_db: Interval
    sharpness: Interval


def motion_checks(values: pa.Table, horizons_s: Sequence[float], resamples: int) -> list[MotionCheck]:
    """The checks at each horizon, from the long form of single values. Raises `LamoError` if a control is missing."""
    wanted = pc.is_in(values["method"], pa.array([ORACLE, SHUFFLED, BLURRED]))
    frame = without_forks(values.filter(wanted)).to_pandas()
    # A distance belongs to no window.
    frame = frame[frame["clip"].notna()]
    checks = []
    for horizon in horizons_s:
        rows = frame[np.isclose(frame["horizon_s"], horizon)]
        missing = sorted({ORACLE, SHUFFLED, BLURRED} - set(rows["method"]))
        if missing:
            raise LamoError(f"metrics: found no {missing} at {horizon:g} s; run rollouts and scoring again")
        windows = pd.MultiIndex.from_frame(rows[WINDOW].drop_duplicates().sort_values(WINDOW))
        psnr = {name: _of(rows, "psnr", name, windows) for name in (ORACLE, SHUFFLED, BLURRED)}
        sharpness = _of(rows, "sharpness", ORACLE, windows)
        bootstrap = ClipBootstrap(windows.get_level_values("clip").tolist(), resamples)
        measures = (psnr[ORACLE] - psnr[SHUFFLED], psnr[ORACLE] - psnr[BLURRED], sharpness)
        checks.append(MotionCheck(horizon, *(bootstrap.mean(measure.to_numpy()) for measure in measures)))
    return checks


def _of(rows: pd.DataFrame, metric: str, method: str, windows: pd.MultiIndex) -> pd.Series:
    """Means over samples in each of `windows`; NaN where there is no number."""
    chosen = rows[(rows["metric"] == metric) & (rows["method"] == method)]
    return chosen.groupby(WINDOW)["value"].mean().reindex(windows)
