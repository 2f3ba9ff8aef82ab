"""The charts of the page, as Plotly draws them: scores against time, and trainings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa

from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.long_form import with_nan
from lamo.metrics.rows import is_learned, readable, row_label
from lamo.report.figures import read_log
from lamo.report.style import LineStyle, line_styles

Charts = dict[str, dict[str, Any]]
"""What the reader chooses among: title -> a figure of Plotly as plain data."""

SHOWN = ("ideal_futures", "oracle_motion", "constant_motion", "persistence_blurred")
"""Controls whose curves are shown at first; those of the others appear when their name is clicked."""
# How fast the training went, not what it learned.
_PACE = {"step", "samples", "samples_per_s", "minutes", "data_wait_share"}
_OF_STEP = re.compile(r"(.*)_step(\d+)")
_LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "margin": {"l": 60, "r": 10, "t": 10, "b": 50},
    "legend": {"orientation": "h", "y": -0.2, "yanchor": "top"},
    "height": 460,
    "font": {"family": "system-ui, sans-serif"},
    "hovermode": "closest",
}


def metric_charts(summary: pa.Table) -> Charts:
    """A chart for each metric of a run's summary that has a number: means against time with their 95 % intervals."""
    rows = with_nan(summary)
    styles = line_styles(list(dict.fromkeys((row["method"], row["sampler"]) for row in rows)))
    charts: Charts = {}
    for name in dict.fromkeys(row["metric"] for row in rows):
        found = [row for row in rows if row["metric"] == name and row["mean"] == row["mean"]]
        if not found:
            continue
        figure = go.Figure(layout=_LAYOUT)
        for key, style in styles.items():
            points = [row for row in found if (row["method"], row["sampler"]) == key]
            if points:
                _curve(figure, key, points, style)
        level = metric_of(name).level
        if level is not None:
            figure.add_hline(level, line={"color": "#bbbbbb", "width": 1})
        figure.update_xaxes(title="time after the last context frame (s)", rangemode="tozero")
        figure.update_yaxes(title=metric_of(name).title_with_unit)
        charts[metric_of(name).panel_title] = figure.to_plotly_json()
    return charts


def _curve(figure: go.Figure, key: tuple[str, str], points: Sequence[Mapping[str, Any]], style: LineStyle) -> None:
    """The means of one row, and the band of its intervals, which its name in the legend shows and hides together."""
    label = row_label(*key)
    times = [row["horizon_s"] for row in points]
    shared = {
        "legendgroup": label,
        "visible": True if is_learned(key[1]) or label in SHOWN else "legendonly",
    }
    bounds = [(row["horizon_s"], row["ci_low"], row["ci_high"]) for row in points if row["ci_low"] == row["ci_low"]]
    if bounds:
        x, low, high = (list(values) for values in zip(*bounds, strict=True))
        band = {"fill": "toself", "fillcolor": style.colour, "opacity": 0.12, "line": {"width": 0}}
        figure.add_scatter(
            x=x + x[::-1], y=high + low[::-1], mode="lines", showlegend=False, hoverinfo="skip", **band, **shared
        )
    dash = ",".join(f"{2 * length:g}px" for length in style.dashes) or "solid"
    figure.add_scatter(
        x=times,
        y=[row["mean"] for row in points],
        name=readable(label),
        mode="lines+markers" if style.marker else "lines",
        line={"color": style.colour, "width": style.width, "dash": dash},
        hovertemplate="%{y:.4g} after %{x:g} s",
        **shared,
    )


def training_charts(logs: Mapping[str, Mapping[str, Path]]) -> Charts:
    """A chart for each quantity in the logs of trainings: a line for each training, and for each validated step.

    `logs`: a kind of training, such as predictors -> name of each -> its log.parquet.

    Raises:
        LamoError: a log cannot be read.
    """
    figures: dict[str, go.Figure] = {}
    for kind, of_kind in logs.items():
        for name, file in of_kind.items():
            for column, steps, values in _series(file):
                of_step = _OF_STEP.fullmatch(column)
                quantity = of_step[1] if of_step else column
                figure = figures.setdefault(f"{kind}: {quantity.replace('_', ' ')}", go.Figure(layout=_LAYOUT))
                label = f"{name}, after {of_step[2]} steps" if of_step else name
                figure.add_scatter(x=steps, y=values, name=label, mode="lines+markers" if len(steps) < 15 else "lines")
    for title, figure in figures.items():
        figure.update_layout(showlegend=True)
        figure.update_xaxes(title="training step", rangemode="tozero")
        figure.update_yaxes(title=title.partition(": ")[2], type=_scale(figure))
    return {title: figure.to_plotly_json() for title, figure in figures.items()}


def _series(file: Path) -> Iterator[tuple[str, list[float], list[float]]]:
    """Each quantity of a log that has numbers, with the steps at which it was logged, and its values."""
    table = read_log(file)
    steps = table["step"].to_pylist()
    for column in table.column_names:
        logged = [(x, y) for x, y in zip(steps, table[column].to_pylist(), strict=True) if y is not None and y == y]
        if column not in _PACE and logged:
            yield column, [x for x, _ in logged], [y for _, y in logged]


def _scale(figure: go.Figure) -> str:
    """Logarithmic where all values are positive and span more than a factor of ten."""
    values = [value for trace in figure.data for value in trace.y]
    return "log" if min(values) > 0 and max(values) > 10 * min(values) else "linear"
