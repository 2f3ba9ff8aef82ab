"""Curves: metrics against time, losses against training."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lamo.errors import LamoError
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.long_form import with_nan
from lamo.metrics.rows import row_label
from lamo.report.figure_files import save
from lamo.report.style import LineStyle, figure_label, line_styles, say_absent

_FEW = 4
_NOT_SERIES = re.compile(r"step|samples|samples_per_s|minutes|data_wait_share|.*_step\d+")


def metric_curves(path: str | Path, summary: pa.Table) -> None:
    """Write a PNG with a panel for each metric of a summary that is declared to have one: values against time, all
    steps, with the 95 % intervals.

    Learned methods are solid with a marker per sampler, controls dashed; colours are the same in every figure.
    """
    rows = [row for row in with_nan(summary) if metric_of(row["metric"]).figure]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    keys = list(dict.fromkeys((row["method"], row["sampler"]) for row in rows))
    styles = line_styles(keys)
    if not metrics:
        figure, (axis,), _ = panels(1, columns=1, width=5.2, height=3.5)
        say_absent(axis)
        save(figure, path)
        return
    figure, axes, spare = panels(len(metrics), columns=2, width=5.2, height=3.5)
    for axis, metric in zip(axes, metrics, strict=True):
        for number, key in enumerate(keys):
            found = [r for r in rows if (r["method"], r["sampler"]) == key and r["metric"] == metric]
            _curve(axis, found, figure_label(row_label(*key)), styles[key], (number + 0.5) / len(keys))
        level = metric_of(metric).level
        if level is not None:
            axis.axhline(level, color="#bbbbbb", linewidth=0.8, zorder=0)
        axis.set_xlabel("time after the last context frame (s)")
        axis.set_title(metric_of(metric).panel_title, fontsize=10)
        axis.set_ylim(*_limits([r for r in rows if r["metric"] == metric]))
        if not any(np.isfinite(r["mean"]) for r in rows if r["metric"] == metric):
            say_absent(axis)
    # A row may have a number in some panels only.
    known = {label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    labels = [label for label in (figure_label(row_label(*key)) for key in keys) if label in known]
    _legend(figure, spare, [known[label] for label in labels], labels)
    save(figure, path)


def _curve(axis: Axes, rows: list[dict[str, Any]], label: str, style: LineStyle, place: float) -> None:
    """Draw the means of one row of the table; `place`, 0..1, is its place where bars stand side by side."""
    rows = [row for row in rows if np.isfinite(row["mean"])]
    if not rows:
        return
    time, mean, low, high = (np.array([r[name] for r in rows]) for name in ("horizon_s", "mean", "ci_low", "ci_high"))
    dashes: dict[str, Any] = {"dashes": style.dashes} if style.dashes else {}
    axis.plot(
        time,
        mean,
        color=style.colour,
        marker=style.marker,
        markersize=4,
        linewidth=style.width,
        label=label,
        **dashes,
    )
    if len(time) > _FEW:
        axis.fill_between(time, low, high, color=style.colour, alpha=0.09, linewidth=0)
    else:
        # Bands between few points would cover each other, so there are bars side by side instead.
        room = 0.35 * np.diff(time).min(initial=0.4)
        beside = room * (place - 0.5)
        axis.vlines(time + beside, low, high, color=style.colour, alpha=0.6, linewidth=1.2)


def _limits(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Room for all means; a band that is wide for one row does not squeeze the others."""
    means = np.array([row["mean"] for row in rows if np.isfinite(row["mean"])])
    if not len(means):
        return 0.0, 1.0
    bounds = np.array([[row["ci_low"], row["ci_high"]] for row in rows if np.isfinite(row["mean"])])
    spread = max(np.ptp(means), 1e-3 * max(abs(means).max(), 1e-3))
    low = np.nanmin(np.append(np.maximum(bounds[:, 0], means.min() - 0.15 * spread), means.min()))
    high = np.nanmax(np.append(np.minimum(bounds[:, 1], means.max() + 0.15 * spread), means.max()))
    return float(low - 0.05 * spread), float(high + 0.05 * spread)


def loss_curves(path: str | Path, logs: Mapping[str, str | Path]) -> None:
    """Write a PNG with one panel per quantity that the training logs hold, a line per log.

    `logs`: name -> log.parquet with a `step` column, every other column a series (null where it was not logged) but for
    the pace of the training and what `learning_curve` shows.
    Series that are positive and span more than a factor of ten get a logarithmic axis. Raises `LamoError` if a log
    cannot be read or lacks the column.
    """
    tables = {name: read_log(file) for name, file in logs.items()}
    series = list(
        dict.fromkeys(c for table in tables.values() for c in table.column_names if not _NOT_SERIES.fullmatch(c))
    )
    if not series:
        raise LamoError(f"training logs {', '.join(map(str, logs.values()))}: found no series, expected losses")
    figure, axes, spare = panels(len(series), columns=3, width=3.9, height=2.9)
    lines: dict[str, object] = {}
    for axis, column in zip(axes, series, strict=True):
        shown = []
        for i, (name, table) in enumerate(tables.items()):
            if column not in table.column_names:
                continue
            x, y = (np.array(table[c].to_pylist(), dtype=np.float64) for c in ("step", column))
            seen = np.isfinite(x) & np.isfinite(y)
            few = "o" if seen.sum() < 15 else None
            (line,) = axis.plot(x[seen], y[seen], color=f"C{i % 10}", linewidth=1.2, marker=few, markersize=3)
            lines.setdefault(name, line)
            shown.append(y[seen])
        values = np.concatenate(shown)
        if not len(values):
            say_absent(axis)
        if len(values) and values.min() > 0 and values.max() > 10 * values.min():
            axis.set_yscale("log")
        axis.set_title(column.replace("_", " "), fontsize=10)
        axis.set_xlabel("training step")
    _legend(figure, spare, list(lines.values()), [figure_label(name) for name in lines])
    save(figure, path)


def filled(logs: Mapping[str, Path]) -> dict[str, Path]:
    """The logs that have a row. A training that a run did without, as a pre-training, leaves an empty one."""
    return {name: log for name, log in logs.items() if pq.read_metadata(log).num_rows}


def read_log(file: str | Path) -> pa.Table:
    """The log of a training. Raises `LamoError` if it cannot be read or lacks the column of steps."""
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise LamoError(f"{file}: not a readable training log ({error}); run the stage that writes it") from None
    if "step" not in table.column_names:
        raise LamoError(f"{file}: found columns {table.column_names}, expected one named step")
    return table


def panels(number: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes], Axes | None]:
    """A figure, its panels, and the first place of the grid that has no panel, if there is one."""
    columns = min(columns, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in grid[number:]:
        axis.set_axis_off()
    for axis in grid[:number]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#eeeeee", linewidth=0.8)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
    return figure, list(grid[:number]), grid[number] if number < len(grid) else None


def _legend(figure: Figure, spare: Axes | None, handles: list[Any], labels: list[str]) -> None:
    """Legend in the spare place of the grid, else below the panels."""
    if spare is not None:
        spare.legend(
            handles, labels, loc="center", ncols=1 + (len(labels) > 8), fontsize=9, frameon=False, handlelength=3
        )
        return
    columns = max(1, min(len(labels), int(figure.get_figwidth() / 1.6)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8, frameon=False, handlelength=3)
