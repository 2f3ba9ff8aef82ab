"""The table of metrics as CSV, Markdown, LaTeX and plain text."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from lamo.errors import LamoError
from lamo.metrics.long_form import Scores
from lamo.metrics.rows import PIXEL_METRICS, row_label

COLUMNS = ("method", "sampler", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips", "n_samples", "n_seeds")
_TITLES = {"psnr": "PSNR", "ssim": "SSIM", "sharpness": "sharpness", "fid": "FID"}
_ARROWS = {"psnr": "↑", "ssim": "↑", "sharpness": "→1"}


@dataclass(frozen=True)
class Cell:
    """Mean and half the width of its 95 % interval (NaN if there is none)."""

    mean: float
    half: float


@dataclass(frozen=True)
class Grid:
    """The table as it is read: `cells[row][horizon][metric]`, rows named by `labels` and horizons in s."""

    labels: list[str]
    horizons: list[float]
    metrics: list[str]
    cells: list[list[list[Cell]]]
    run: str
    caption: str

    def decimals(self, metric: int) -> int:
        """Decimals that a metric is printed with; a Frechet distance gets three digits at its median."""
        if self.metrics[metric] in PIXEL_METRICS:
            return {"psnr": 2, "ssim": 3, "sharpness": 2}[self.metrics[metric]]
        values = sorted(abs(horizon[metric].mean) for row in self.cells for horizon in row)
        median = max(values[len(values) // 2], 1e-9)
        return min(4, max(0, 2 - math.floor(math.log10(median))))

    def text(self, cell: Cell, metric: int, joint: str = " ±") -> str:
        """A cell as text, "23.41 ±0.21"; the interval is left out if there is none."""
        decimals = self.decimals(metric)
        value = f"{cell.mean:.{decimals}f}" if math.isfinite(cell.mean) else "n/a"
        return f"{value}{joint}{cell.half:.{decimals}f}" if math.isfinite(cell.half) else value


def at_horizons(summary: pa.Table, horizons_s: Sequence[float]) -> list[dict]:
    """Rows of a summary at the horizons, with the columns of table.csv, in the table's order."""
    wanted = [round(h, 6) for h in horizons_s]
    rows = [row for row in summary.to_pylist() if row["horizon_s"] in wanted and row["metric"] != "drift"]
    missing = set(wanted) - {row["horizon_s"] for row in rows}
    if missing:
        raise LamoError(f"metrics.horizons_s: no scores at {sorted(missing)} s; run the scoring again")
    return [{name: row[name] for name in COLUMNS} for row in rows]


def make_grid(scores: Scores, horizons_s: Sequence[float], run: str, description: str, midway: str) -> Grid:
    """Arrange the summary for reading. `run` says which run it is; `description` is the feature extractor's, `midway`
    that of the latent model."""
    rows = at_horizons(scores.summary, horizons_s)
    labels = list(dict.fromkeys(row_label(row["method"], row["sampler"]) for row in rows))
    horizons = [round(h, 6) for h in horizons_s]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    cells = {
        (row_label(row["method"], row["sampler"]), row["horizon_s"], row["metric"]): Cell(
            row["mean"], (row["ci_high"] - row["ci_low"]) / 2
        )
        for row in rows
    }
    table = [[[cells[label, h, m] for m in metrics] for h in horizons] for label in labels]
    caption = _caption(rows, scores, metrics[-1], run, description) + f" {midway}"
    return Grid(labels, horizons, metrics, table, run, caption)


def _caption(rows: list[dict], scores: Scores, distance: str, run: str, description: str) -> str:
    learned = [row for row in rows if row["sampler"] != "-"] or rows
    samples = sorted({row["n_samples"] for row in learned})
    seeds = sorted({row["n_seeds"] for row in learned})
    bias = "not estimated: one clip"
    if all(math.isfinite(b) for b in scores.frechet_bias):
        bias = f"by {scores.frechet_bias[0]:.2g} to {scores.frechet_bias[1]:.2g}, bootstrap estimate"
    return (
        f"{run}: {scores.windows} context windows from {rows[0]['n_clips']} held-out clips; learned rows with "
        f"{_span(samples, 'sample')} per window and {_span(seeds, 'training seed')}. Values are means of the scores of "
        "single samples, never of the best of several; ± is half the width of the 95 % bootstrap interval over clips, "
        "which does not contain what another training seed would change. PSNR (dB) and SSIM are of single frames, "
        "higher is better; sharpness is the gradient energy over that of the truth, 1 is right and 0.5 is blur. "
        f"{_title(distance)}: lower is better. {description} It compares {scores.windows} predicted with as many true "
        f"frames, one per window, and is biased upwards at that number ({bias}): compare within this table only."
    )


def _span(counts: list[int], noun: str) -> str:
    text = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{text} {noun}{'' if counts[-1] == 1 else 's'}"


def _title(metric: str) -> str:
    return _TITLES.get(metric, "FD " + metric.removeprefix("fd_"))


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
    """Caption and a table with one row per method and sampler, the metrics of each horizon side by side."""
    titles = [f"{h:g} s {_title(m)} {_ARROWS.get(m, '↓')}" for h in grid.horizons for m in grid.metrics]
    lines = ["| method | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
    for label, row in zip(grid.labels, grid.cells, strict=True):
        cells = [grid.text(cell, m) for horizon in row for m, cell in enumerate(horizon)]
        lines.append(f"| {_readable(label)} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", grid.caption, ""])


def table_latex(grid: Grid) -> str:
    """A `table*` with booktabs rules (needs \\usepackage{booktabs})."""
    width = len(grid.metrics)
    groups = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{h:g}\,s}}" for h in grid.horizons)
    rules = " ".join(rf"\cmidrule(lr){{{2 + i * width}-{1 + (i + 1) * width}}}" for i in range(len(grid.horizons)))
    titles = " & ".join(_escape(_title(m)) for m in grid.metrics * len(grid.horizons))
    columns = "l" + "r" * width * len(grid.horizons)
    lines = [r"\begin{table*}", r"\centering", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [rf" & {groups} \\", rules, rf"method & {titles} \\", r"\midrule"]
    for label, row in zip(grid.labels, grid.cells, strict=True):
        texts = [grid.text(cell, m, joint=" \\pm ") for horizon in row for m, cell in enumerate(horizon)]
        cells = [text if text == "n/a" else f"${text}$" for text in texts]
        lines.append(rf"{_escape(_readable(label))} & {' & '.join(cells)} \\")
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_escape(grid.caption)}}}", r"\end{table*}", ""]
    return "\n".join(lines)


_LATEX = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "±": r"$\pm$"} | {c: rf"\{c}" for c in "&%$#_{}"}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def table_text(grid: Grid) -> str:
    """The table for a terminal of 80 columns, a block per horizon."""
    first = max(len(label) for label in grid.labels)
    lines = []
    for h, horizon in enumerate(grid.horizons):
        columns = [[_title(m), *(grid.text(row[h][i], i) for row in grid.cells)] for i, m in enumerate(grid.metrics)]
        widths = [max(map(len, column)) for column in columns]
        lines.append("")
        names = [f"after {horizon:g} s", *map(_readable, grid.labels)]
        for r, name in enumerate(names):
            cells = "  ".join(column[r].rjust(width) for column, width in zip(columns, widths, strict=True))
            lines.append(f"{name.ljust(first)}  {cells}")
            if r == 0:
                lines.append("-" * len(lines[-1]))
    lines += ["", "mean ± half of the 95 % interval over clips; PSNR in dB; sharpness 1 is right, below is blur"]
    lines.append(grid.run)
    return "\n".join(lines) + "\n"
