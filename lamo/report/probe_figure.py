"""The probe as a picture: predicted against true ego motion, and R squared of everything that was regressed on."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lamo.probing.ego_motion import TARGETS
from lamo.probing.probe import MOTION, SHUFFLED, Probe
from lamo.report.figure_files import save
from lamo.report.probe_table import input_label, interval_text, target_label
from lamo.report.style import COLOURS, control_style, say_absent

_GREY = "#666666"


def probe_figure(path: str | Path, probe: Probe) -> None:
    """Write a PNG: a scatter of the held-out steps per target, and below it a bar of R squared per input."""
    inputs = list(dict.fromkeys(row.inputs for row in probe.rows))
    heights = [3.9, 0.5 + 0.3 * len(inputs)]
    figure = Figure(figsize=(10.4, sum(heights) + 0.3), layout="constrained")
    axes = figure.subplots(2, len(TARGETS), height_ratios=heights, squeeze=False)
    for column, target in enumerate(TARGETS):
        _scatter(axes[0, column], probe, target)
        _bars(axes[1, column], probe, target, inputs, named=column == 0)
    save(figure, path)


def _scatter(axis: Axes, probe: Probe, target: str) -> None:
    column, unit = list(TARGETS).index(target), TARGETS[target]
    true, predicted = probe.true[:, column], probe.predicted[:, column]
    known = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[known], predicted[known]
    if not len(true):
        say_absent(axis)
    both = np.concatenate([true, predicted]) if len(true) else np.array([0.0, 1.0])
    low, high = both.min(), both.max()
    margin = 0.04 * max(high - low, 1e-6)
    axis.plot([low, high], [low, high], color="#bbbbbb", linewidth=0.8, zorder=0)
    # fainter the more there are, so that dense places still show where most are
    faint = float(np.clip(60 / np.sqrt(max(len(true), 1)) / 4, 0.12, 0.8))
    axis.scatter(true, predicted, s=7, color=COLOURS[0], alpha=faint, linewidths=0)
    axis.set_xlim(low - margin, high + margin)
    axis.set_ylim(low - margin, high + margin)
    axis.set_box_aspect(1)
    axis.set_title(f"{target_label(target)}: R² {interval_text(probe.row(MOTION, target).r2)}", fontsize=11)
    axis.set_xlabel(f"true {target_label(target)} ({unit})")
    axis.set_ylabel(f"read from the motion tokens ({unit})")
    _plain(axis)


def _bars(axis: Axes, probe: Probe, target: str, inputs: list[str], named: bool) -> None:
    places = np.arange(len(inputs))[::-1]
    rows = [probe.row(name, target) for name in inputs]
    colours = [_colour(name) for name in inputs]
    # What explains less than the mean does is cut off: how much less is no information.
    values = np.clip(np.nan_to_num([row.r2.mean for row in rows]), -0.1, 1.0)
    axis.barh(places, values, color=colours, height=0.62)
    for place, row in zip(places, rows, strict=True):
        if np.isfinite(row.r2.low):
            bounds = np.clip([row.r2.low, row.r2.high], -0.1, 1.0)
            axis.hlines(place, *bounds, color="#111111", linewidth=1.1)
        axis.text(1.03, place, interval_text(row.r2), va="center", fontsize=8, color=_GREY)
    axis.axvline(0.0, color="#bbbbbb", linewidth=0.8)
    axis.set_xlim(-0.12, 1.0)
    axis.set_ylim(-0.6, len(inputs) - 0.4)
    axis.set_yticks(places, [input_label(name) for name in inputs] if named else [""] * len(inputs))
    axis.set_xlabel(f"R² of {target_label(target)} on held-out clips")
    _plain(axis)
    axis.tick_params(axis="y", length=0)


def _colour(inputs: str) -> str:
    if inputs == SHUFFLED:
        return control_style("shuffled_motion").colour
    return COLOURS[0] if inputs.startswith("motion") else control_style("persistence_latent").colour


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_fontsize(9)
    axis.yaxis.label.set_fontsize(9)
