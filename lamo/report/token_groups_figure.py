"""Heat maps over the frame: where the next frame changes when a group of motion tokens is swapped; and their table."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lamo.metrics.config import BootstrapConfig
from lamo.metrics.rows import readable
from lamo.probing.token_groups import Change, Concentration, Swaps, concentration
from lamo.report.figure_files import save
from lamo.report.style import COLOURS
from lamo.report.table import ABSENT, csv_table, decimal_text, number_text
from lamo.statistics.intervals import ClipBootstrap

COLUMNS = (
    *("group", "measure", "rms", "region_share", "region_low", "region_high", "region_patches"),
    *("quarter_share", "quarter_low", "quarter_high", "n_windows", "n_clips"),
)
_MOST_COLUMNS = 6
_OUTLINE = COLOURS[0]
_HEAT = COLOURS[1]
Measured = list[tuple[Change, Concentration]]


def measure_all(swaps: Swaps, config: BootstrapConfig) -> Measured:
    """Every change with its concentration."""
    bootstrap = ClipBootstrap([window.clip_id for window in swaps.windows], config.resamples)
    return [(change, concentration(change, swaps, bootstrap)) for change in swaps.changes]


def token_groups_csv(swaps: Swaps, measured: Measured) -> str:
    """The machine-readable table: six decimals, empty where there is no number."""
    counts = len(swaps.windows), len({window.clip_id for window in swaps.windows})
    lines = []
    for change, found in measured:
        region = found.region
        quarter = found.quarter
        numbers = [found.rms, region.mean, region.low, region.high, found.region_patches]
        numbers += [quarter.mean, quarter.low, quarter.high]
        lines.append([change.group.name, change.measure, *map(number_text, numbers), *counts])
    return csv_table(COLUMNS, lines)


def token_groups_figure(path: str | Path, swaps: Swaps, measured: Measured) -> None:
    """Write a PNG: a map per token in their order, then the maps of whole levels.

    Each map has its own scale, whose end is its strongest patch; the numbers say how strong and how concentrated.
    """
    tokens = [one for one in measured if one[0].group.kind == "token"]
    levels = [one for one in measured if one[0].group.kind == "level" and one[0].measure == "pixels"]
    everything = [one for one in measured if one[0].group.kind == "all"]
    features = [one for one in measured if one[0].measure == "features"]
    # The regions of an even number of tokens stand in two rows.
    half = len(tokens) // 2 if len(tokens) % 2 == 0 else len(tokens)
    rows = [*_rows(tokens[:half]), *_rows(tokens[half:])]
    # One level alone is the same as all tokens.
    rows += [*_rows(everything + levels), *_rows(features)] if len(levels) > 1 else [everything + features]
    columns = max(map(len, rows))
    height, width = swaps.frame.shape[:2]
    tile = max(2.1, 9.0 / columns)
    figure = Figure(figsize=(columns * tile, len(rows) * (tile * height / width + 0.55)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for row, line in zip(axes, rows, strict=True):
        for axis, one in zip(row, line, strict=False):
            _heat_map(axis, swaps, *one)
    save(figure, path)


def _rows(maps: Measured) -> list[Measured]:
    """As few rows of at most `_MOST_COLUMNS` as there can be, of about equal length."""
    columns = math.ceil(len(maps) / max(1, math.ceil(len(maps) / _MOST_COLUMNS)))
    return [maps[begin : begin + columns] for begin in range(0, len(maps), max(1, columns))]


def _heat_map(axis: Axes, swaps: Swaps, change: Change, found: Concentration) -> None:
    height, width = swaps.frame.shape[:2]
    extent = (0, width, height, 0)
    axis.set_axis_on()
    axis.set_xticks([])
    axis.set_yticks([])
    grey = swaps.frame.mean(axis=2)
    grey = (grey - grey.min()) / max(np.ptp(grey), 1e-6)
    axis.imshow(0.5 + 0.5 * grey, cmap="gray", vmin=0, vmax=1, extent=extent)
    values = change.values.mean(axis=0).reshape(swaps.grid)
    if values.max() > 0:
        heat = np.empty((*swaps.grid, 4))
        heat[..., :3], heat[..., 3] = to_rgb(_HEAT), values / values.max()
        axis.imshow(heat, extent=extent, interpolation="nearest")
    if swaps.owner is not None and math.isfinite(found.region_patches):
        inside = (swaps.owner == change.group.index).reshape(swaps.grid)
        _outline(axis, inside, height / swaps.grid[0], width / swaps.grid[1])
    axis.set_xlim(0, width)
    axis.set_ylim(height, 0)
    axis.set_title(_title(change, found), fontsize=8, loc="left", linespacing=1.25)


def _title(change: Change, found: Concentration) -> str:
    name = "all tokens" if change.group.kind == "all" else readable(change.group.name)
    if change.measure == "features":
        name = f"features of {name}"
    if found.rms == 0:
        return f"{name}: no change\n "
    pixels = change.measure == "pixels"
    strength = f"{decimal_text(found.rms, 1)} of 255" if pixels else decimal_text(found.rms, 2)
    if math.isfinite(found.region_patches):
        place = f"{_share(found.region.mean)} in its region ({found.region_patches:.0%} if even)"
    else:
        place = f"{_share(found.quarter.mean)} in a quarter of the patches"
    return f"{name}: {strength}\n{place}"


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else ABSENT


def _outline(axis: Axes, inside: np.ndarray, height: float, width: float) -> None:
    """The border of a region of patches of `height` x `width` pixels."""
    padded = np.pad(inside, 1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])
    style: dict[str, Any] = {"color": _OUTLINE, "linewidth": 1.2}
    axis.hlines(rows * height, (columns - 1) * width, columns * width, **style)
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    axis.vlines(columns * width, (rows - 1) * height, rows * height, **style)
