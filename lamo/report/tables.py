"""The tables of metrics as CSV, Markdown, LaTeX and plain text."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lamo.errors import LamoError
from lamo.metrics.catalogue import Better, Metric, metric
from lamo.metrics.long_form import Scores, with_nan
from lamo.metrics.motion_check import MotionCheck
from lamo.metrics.rows import readable, row_label
from lamo.report.captions import main_caption, samples_caption
from lamo.report.table import (
    ABSENT,
    csv_table,
    decimal_text,
    latex_row,
    latex_text,
    markdown_table,
    number_text,
    text_table,
    with_half,
)
from lamo.statistics.intervals import Interval

COLUMNS = ("method", "sampler", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips", "n_samples", "n_seeds")
_IN_WORDS: dict[Better, str] = {
    "higher": "higher is better",
    "one": "1 is right",
    "lower": "lower is better",
}
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Cell:
    """Mean and half the width of its 95 % interval (NaN if there is none)."""

    mean: float
    half: float


@dataclass(frozen=True)
class Grid:
    """A table as it is read: `cells[row][horizon][metric]`, rows named by `labels` and horizons in s."""

    labels: list[str]
    horizons: list[float]
    metrics: list[Metric]
    cells: list[list[list[Cell]]]
    run: str
    caption: str
    seeds: int

    def text(self, cell: Cell, column: int, joint: str = " ±") -> str:
        """A cell as text, "23.41 ±0.21"; the interval is left out if there is none."""
        decimals = self.metrics[column].decimals_for([horizon[column].mean for row in self.cells for horizon in row])
        return with_half(cell.mean, cell.half, decimals, joint)

    def blocks(self, joint: str = " ±") -> Iterator[tuple[float, list[list[str]]]]:
        """Each horizon in s with its rows: label and cells as text."""
        for number, horizon in enumerate(self.horizons):
            rows = [
                [readable(label), *(self.text(cell, column, joint) for column, cell in enumerate(row[number]))]
                for label, row in zip(self.labels, self.cells, strict=True)
            ]
            yield horizon, rows


def at_horizons(summary: pa.Table, horizons_s: Sequence[float]) -> Rows:
    """Rows of a summary at the horizons, with the columns of table.csv, in the table's order."""
    wanted = [round(h, 6) for h in horizons_s]
    rows = [row for row in with_nan(summary) if row["horizon_s"] in wanted]
    missing = set(wanted) - {row["horizon_s"] for row in rows}
    if missing:
        raise LamoError(f"metrics.horizons_s: no scores at {sorted(missing)} s; run the scoring again")
    return [{name: row[name] for name in COLUMNS} for row in rows]


def make_grid(scores: Scores, horizons_s: Sequence[float], run: str, midway: str) -> Grid:
    """The main table. `run` says which run it is, `midway` describes the latent model."""
    rows = at_horizons(scores.summary, horizons_s)
    shown = [one for one in _metrics(rows) if one.table == "main"]
    caption = f"{main_caption(rows, scores, shown, run)} {midway}"
    return _grid(rows, horizons_s, shown, run, caption)


def make_samples_grid(scores: Scores, horizons_s: Sequence[float], run: str) -> Grid:
    """The table beside the main one: several samples together, latent states, and the other distances."""
    rows = at_horizons(scores.summary, horizons_s)
    shown = [one for one in _metrics(rows) if one.table == "samples"]
    return _grid(rows, horizons_s, shown, run, samples_caption(rows, scores, shown, run))


def _metrics(rows: Rows) -> list[Metric]:
    return [metric(name) for name in dict.fromkeys(row["metric"] for row in rows)]


def _grid(rows: Rows, horizons_s: Sequence[float], metrics: list[Metric], run: str, caption: str) -> Grid:
    labels = list(dict.fromkeys(row_label(row["method"], row["sampler"]) for row in rows))
    horizons = [round(h, 6) for h in horizons_s]
    cells = {
        (row_label(row["method"], row["sampler"]), row["horizon_s"], row["metric"]): Cell(
            row["mean"], (row["ci_high"] - row["ci_low"]) / 2
        )
        for row in rows
    }
    nothing = Cell(math.nan, math.nan)
    table = [[[cells.get((label, h, m.name), nothing) for m in metrics] for h in horizons] for label in labels]
    return Grid(labels, horizons, metrics, table, run, caption, max(row["n_seeds"] for row in rows))


def table_csv(summary: pa.Table, horizons_s: Sequence[float]) -> str:
    """The machine-readable table: six decimals, horizons in their shortest form, empty where there is no number."""
    lines = []
    for row in at_horizons(summary, horizons_s):
        numbers = {name: number_text(row[name]) for name in ("mean", "ci_low", "ci_high")}
        lines.append(list((row | numbers | {"horizon_s": f"{row['horizon_s']:g}"}).values()))
    return csv_table(COLUMNS, lines)


def table_markdown(grid: Grid) -> str:
    """A table for each horizon with one row per method and sampler; below them the caption."""
    titles = [f"{one.title} {one.arrow}".strip() for one in grid.metrics]
    lines = []
    for horizon, rows in grid.blocks():
        lines += [*markdown_table([f"after {horizon:g} s", *titles], rows), ""]
    return "\n".join([*lines, grid.caption, ""])


def table_latex(grid: Grid) -> str:
    """A `table*` with booktabs rules, horizons below each other (needs \\usepackage{booktabs})."""
    width = len(grid.metrics)
    lines = [r"\begin{table*}", r"\centering", rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule"]
    lines.append(latex_row(["method", *(latex_text(one.title) for one in grid.metrics)]))
    for horizon, rows in grid.blocks(joint=" \\pm "):
        lines += [r"\midrule", rf"\multicolumn{{{1 + width}}}{{l}}{{after {horizon:g}\,s}} \\"]
        for label, *texts in rows:
            lines.append(latex_row([latex_text(label), *(text if text == ABSENT else f"${text}$" for text in texts)]))
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{latex_text(grid.caption)}}}", r"\end{table*}", ""]
    return "\n".join(lines)


def table_text(grid: Grid) -> str:
    """The table for a terminal, a block per horizon."""
    titles = [one.title for one in grid.metrics]
    lines = []
    for horizon, rows in grid.blocks(joint="±"):
        lines += ["", *text_table([f"after {horizon:g} s", *titles], rows)]
    over = "clips and training seeds" if grid.seeds > 1 else "clips"
    joint = ", ".join(one.title for one in grid.metrics if one.of_samples)
    lines += ["", f"mean ± half the 95 % interval over {over}; of single samples{f', {joint} of all' if joint else ''}"]
    lines += [*textwrap.wrap("; ".join(_in_words(grid.metrics)), 98), grid.run]
    return "\n".join(lines) + "\n"


def _in_words(metrics: Sequence[Metric]) -> Iterator[str]:
    """ "higher is better: PSNR (dB), SSIM" """
    for better, words in _IN_WORDS.items():
        titles = [one.title_with_unit for one in metrics if one.better == better]
        if titles:
            yield f"{words}: {', '.join(titles)}"


def check_text(checks: Sequence[MotionCheck]) -> str:
    """The motion checks for a terminal, a line for each horizon: the first thing to read of a table."""
    rows = [
        [
            f"after {check.horizon_s:g} s",
            *(_bounds(one) for one in (check.over_shuffled_db, check.over_blurred_db, check.sharpness)),
        ]
        for check in checks
    ]
    lines = text_table(["oracle motion", "over shuffled (dB)", "over blurred (dB)", "sharpness"], rows)
    note = "near 0 over shuffled: tokens carry nothing; near 0 over blurred: no content; [95 % interval over clips]"
    return "\n".join([*lines, "", note]) + "\n"


def _bounds(interval: Interval) -> str:
    bounds = f" [{interval.low:.2f}, {interval.high:.2f}]" if np.isfinite(interval.low) else ""
    return f"{decimal_text(interval.mean, 2)}{bounds}"
