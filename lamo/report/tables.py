"""The tables of metrics as CSV, Markdown, LaTeX and plain text."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from lamo.errors import LamoError
from lamo.metrics.catalogue import arrow, decimals_of, is_frechet, title
from lamo.metrics.long_form import Scores
from lamo.metrics.rows import row_label
from lamo.report.captions import main_caption, samples_caption

COLUMNS = ("method", "sampler", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips", "n_samples", "n_seeds")
MAIN = ("psnr", "ssim", "sharpness", "energy_score")
"""Metrics of the main table, beside the Frechet distance; the others stand in the table of samples."""
_NOT_SHOWN = ("drift", "mse")


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
    metrics: list[str]
    cells: list[list[list[Cell]]]
    run: str
    caption: str
    seeds: int

    def text(self, cell: Cell, metric: int, joint: str = " ±") -> str:
        """A cell as text, "23.41 ±0.21"; the interval is left out if there is none."""
        decimals = decimals_of(self.metrics[metric], [horizon[metric].mean for row in self.cells for horizon in row])
        value = f"{cell.mean:.{decimals}f}" if math.isfinite(cell.mean) else "n/a"
        return f"{value}{joint}{cell.half:.{decimals}f}" if math.isfinite(cell.half) else value


def at_horizons(summary: pa.Table, horizons_s: Sequence[float]) -> list[dict]:
    """Rows of a summary at the horizons, with the columns of table.csv, in the table's order."""
    wanted = [round(h, 6) for h in horizons_s]
    rows = [row for row in summary.to_pylist() if row["horizon_s"] in wanted]
    missing = set(wanted) - {row["horizon_s"] for row in rows}
    if missing:
        raise LamoError(f"metrics.horizons_s: no scores at {sorted(missing)} s; run the scoring again")
    return [{name: row[name] for name in COLUMNS} for row in rows]


def make_grid(scores: Scores, horizons_s: Sequence[float], run: str, description: str, midway: str) -> Grid:
    """The main table. `run` says which run it is; `description` is the feature extractor's, `midway` that of the latent
    model."""
    rows = at_horizons(scores.summary, horizons_s)
    names = _metrics(rows)
    shown = [name for name in names if name in MAIN or is_frechet(name)]
    caption = f"{main_caption(rows, scores, shown[-1], run, description)} {midway}"
    return _grid(rows, horizons_s, shown, run, caption)


def make_samples_grid(scores: Scores, horizons_s: Sequence[float], run: str) -> Grid:
    """The table beside the main one: several samples together, latent states, and the other distances."""
    rows = at_horizons(scores.summary, horizons_s)
    shown = [name for name in _metrics(rows) if name not in MAIN + _NOT_SHOWN and not is_frechet(name)]
    return _grid(rows, horizons_s, shown, run, samples_caption(rows, scores, run))


def _metrics(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(row["metric"] for row in rows))


def _grid(rows: list[dict], horizons_s: Sequence[float], metrics: list[str], run: str, caption: str) -> Grid:
    labels = list(dict.fromkeys(row_label(row["method"], row["sampler"]) for row in rows))
    horizons = [round(h, 6) for h in horizons_s]
    cells = {
        (row_label(row["method"], row["sampler"]), row["horizon_s"], row["metric"]): Cell(
            row["mean"], (row["ci_high"] - row["ci_low"]) / 2
        )
        for row in rows
    }
    nothing = Cell(math.nan, math.nan)
    table = [[[cells.get((label, h, m), nothing) for m in metrics] for h in horizons] for label in labels]
    return Grid(labels, horizons, metrics, table, run, caption, max(row["n_seeds"] for row in rows))


def _readable(label: str) -> str:
    return label.replace("_", " ")


def table_csv(summary: pa.Table, horizons_s: Sequence[float]) -> str:
    """The machine-readable table: six decimals, horizons in their shortest form, empty where there is no number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in at_horizons(summary, horizons_s):
        numbers = {
            name: f"{row[name]:.6f}" if math.isfinite(row[name]) else "" for name in ("mean", "ci_low", "ci_high")
        }
        writer.writerow((row | numbers | {"horizon_s": f"{row['horizon_s']:g}"}).values())
    return buffer.getvalue()


def table_markdown(grid: Grid) -> str:
    """A table for each horizon with one row per method and sampler; below them the caption."""
    lines = []
    for h, horizon in enumerate(grid.horizons):
        titles = [f"{title(m)} {arrow(m)}".strip() for m in grid.metrics]
        lines += [f"| after {horizon:g} s | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
        for label, row in zip(grid.labels, grid.cells, strict=True):
            cells = [grid.text(cell, m) for m, cell in enumerate(row[h])]
            lines.append(f"| {_readable(label)} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, grid.caption, ""])


def table_latex(grid: Grid) -> str:
    """A `table*` with booktabs rules, horizons below each other (needs \\usepackage{booktabs})."""
    width = len(grid.metrics)
    titles = " & ".join(_escape(title(m)) for m in grid.metrics)
    lines = [r"\begin{table*}", r"\centering", rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule"]
    lines.append(rf"method & {titles} \\")
    for h, horizon in enumerate(grid.horizons):
        lines += [r"\midrule", rf"\multicolumn{{{1 + width}}}{{l}}{{after {horizon:g}\,s}} \\"]
        for label, row in zip(grid.labels, grid.cells, strict=True):
            texts = [grid.text(cell, m, joint=" \\pm ") for m, cell in enumerate(row[h])]
            cells = [text if text == "n/a" else f"${text}$" for text in texts]
            lines.append(rf"{_escape(_readable(label))} & {' & '.join(cells)} \\")
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_escape(grid.caption)}}}", r"\end{table*}", ""]
    return "\n".join(lines)


_LATEX = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "±": r"$\pm$", "∞": r"$\infty$"} | {
    c: rf"\{c}" for c in "&%$#_{}"
}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def table_text(grid: Grid) -> str:
    """The table for a terminal, a block per horizon."""
    first = max(len(label) for label in grid.labels)
    lines = []
    for h, horizon in enumerate(grid.horizons):
        columns = [[title(m), *(grid.text(row[h][i], i) for row in grid.cells)] for i, m in enumerate(grid.metrics)]
        widths = [max(map(len, column)) for column in columns]
        lines.append("")
        names = [f"after {horizon:g} s", *map(_readable, grid.labels)]
        for r, name in enumerate(names):
            cells = "  ".join(column[r].rjust(width) for column, width in zip(columns, widths, strict=True))
            lines.append(f"{name.ljust(first)}  {cells}")
            if r == 0:
                lines.append("-" * len(lines[-1]))
    over = "clips and training seeds" if grid.seeds > 1 else "clips"
    lines += ["", f"mean ± half the 95 % interval over {over}; of single samples, energy of all"]
    lines += ["PSNR in dB; sharpness 1 is right, below is blur; of energy and distance less is better", grid.run]
    return "\n".join(lines) + "\n"
