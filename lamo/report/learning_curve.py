"""The learning curve of the Midway Network: what its rollouts are worth against frames seen and minutes trained."""

import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes

from lamo.errors import LamoError
from lamo.report.figure_files import save
from lamo.report.figures import panels
from lamo.report.style import say_absent

MEASURES = {
    "oracle_psnr": "oracle rollouts: PSNR (dB)",
    "over_blur_db": "over the blurred last frame (dB)",
    "swap_gap_db": "lost with another clip's motion tokens (dB)",
    "sharpness": "sharpness, 1 is right",
}
_NOTHING = {"over_blur_db": 0.0, "swap_gap_db": 0.0, "sharpness": 1.0}
_COLUMN = re.compile(rf"({'|'.join(MEASURES)})_step(\d+)")


def learning_curve(path: str | Path, log: str | Path) -> None:
    """Write a PNG with a panel for each of `MEASURES` and a line for each validated step of a training log.

    Frames seen are on the lower axis, minutes on the upper one. A measure without any number is shown as n/a. Raises
    `LamoError` if the log holds no validation.
    """
    table = pq.read_table(log)
    found = {name: match for name in table.column_names if (match := _COLUMN.fullmatch(name))}
    steps = sorted({int(match[2]) for match in found.values()})
    if not steps:
        raise LamoError(f"{log}: found no column oracle_psnr_step..., expected the log of a validated Midway training")
    values = {name: np.array(table[name].to_pylist(), dtype=np.float64) for name in ("samples", "minutes", *found)}
    validated = np.any([np.isfinite(values[name]) for name in found], axis=0)
    figure, axes, _ = panels(len(MEASURES), columns=2, width=4.6, height=3.1)
    for axis, (name, title) in zip(axes, MEASURES.items(), strict=True):
        for step in steps:
            shown = values.get(f"{name}_step{step}", np.full(len(validated), math.nan))[validated]
            label = f"{step} step{'s'[: step > 1]}"
            axis.plot(values["samples"][validated], shown, marker="o", markersize=3, linewidth=1.2, label=label)
        if not any(np.isfinite(values[column]).any() for column in found if found[column][1] == name):
            say_absent(axis)
        if name in _NOTHING:
            axis.axhline(_NOTHING[name], color="#bbbbbb", linewidth=0.8, zorder=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("frames seen in training")
        _minutes_above(axis, values["samples"][validated], values["minutes"][validated])
    axes[0].legend(fontsize=8, frameon=False)
    save(figure, path)


def _minutes_above(axis: Axes, samples: np.ndarray, minutes: np.ndarray) -> None:
    """A second axis of minutes of training, above a panel over samples."""
    if not len(samples):
        return
    # Unrolled steps take longer, so minutes are those of the mean pace: near enough to be read off.
    pace = max(minutes[-1], 1e-6) / samples[-1]
    upper = axis.secondary_xaxis("top", functions=(lambda x: x * pace, lambda x: x / pace))
    upper.tick_params(labelsize=7)
    upper.set_xlabel("minutes", fontsize=8)
