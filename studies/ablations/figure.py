"""All differences of the study in one picture: a line per row, a panel per score, intervals as bars."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lamo.report.figures import save
from lamo.report.style import line_style, readable
from lamo.statistics.intervals import Interval
from studies.ablations.settings import Group
from studies.ablations.table import Row, Tables

PANELS = {"psnr": "Δ PSNR (dB), right is better", "energy_score": "Δ energy score, left is better"}
# Differences up to here on a linear scale, beyond on a logarithmic one, so that one failure does not hide the others.
LINEAR = {"psnr": 0.5, "energy_score": 0.005}
TICKS = {
    "psnr": (-4, -1, -0.25, 0, 0.25, 1, 4),
    "energy_score": (-0.04, -0.005, 0, 0.005, 0.04),
}
Line = tuple[str, str, Mapping[str, Interval]]


def draw(path: Path, tables: Tables, groups: Sequence[Group], rows: Mapping[str, Sequence[Row]]) -> None:
    """Write a PNG: every row of `rows` (by group) less its reference at the last horizon, full where its interval does
    not contain 0; PSNR is the mean over single samples."""
    lines: list[Line | str] = []
    for group in groups:
        compared = [row for row in rows[group.name] if row.reference]
        if compared:
            lines.append(f"{group.title}, against {group.variants[0].about}")
            lines += [(_label(row, group), group.variants[0].predictor, _intervals(row, tables)) for row in compared]
    figure = Figure(figsize=(11, 1.2 + 0.235 * len(lines)), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for axis, metric in zip(axes, PANELS, strict=True):
        _panel(axis, metric, lines)
    axes[0].set_yticks(range(len(lines)), [line if isinstance(line, str) else line[0] for line in lines], fontsize=8)
    for text, line in zip(axes[0].get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if isinstance(line, str) else "normal")
    axes[0].set_ylim(len(lines) - 0.4, -0.6)
    figure.suptitle(f"after {tables.horizons_s[-1]:g} s; 95 % intervals over clips", fontsize=10)
    save(figure, path)


def _label(row: Row, group: Group) -> str:
    several = len({sampler for variant in group.variants for sampler in variant.samplers}) > 1
    return f"{row.about}, {readable(row.row)}" if several else row.about


def _intervals(row: Row, tables: Tables) -> dict[str, Interval]:
    assert row.reference is not None
    return {metric: tables.difference(row, row.reference, metric)[-1].difference for metric in PANELS}


def _panel(axis: Axes, metric: str, lines: Sequence[Line | str]) -> None:
    axis.set_xscale("symlog", linthresh=LINEAR[metric], linscale=1.5)
    axis.axvline(0.0, color="#777777", linewidth=0.8, zorder=0)
    for place, line in enumerate(lines):
        if isinstance(line, str):
            axis.axhspan(place - 0.5, place + 0.5, color="#f0f0f0", zorder=-1)
            continue
        _, predictor, intervals = line
        one, colour = intervals[metric], line_style(predictor).colour
        apart = one.low > 0 or one.high < 0
        axis.hlines(place, one.low, one.high, color=colour, linewidth=1.6)
        axis.plot(one.mean, place, "o", markersize=5, color=colour, markerfacecolor=colour if apart else "white")
    axis.set_xticks(TICKS[metric], [f"{tick:g}" for tick in TICKS[metric]], fontsize=8)
    axis.minorticks_off()
    axis.set_title(PANELS[metric], fontsize=10)
    axis.grid(axis="x", color="#eeeeee", zorder=-2)
    axis.tick_params(axis="y", length=0)
