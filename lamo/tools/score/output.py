"""What `lamo score` writes and prints of a new row."""

import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lamo.report.comparisons_table import comparisons_csv, comparisons_markdown, comparisons_text
from lamo.report.tables import Grid, at_horizons, make_grid, table_csv, table_markdown, table_text
from lamo.stores.atomic import replacing
from lamo.tools.score.finished_run import FinishedRun
from lamo.tools.score.scoring import NewRow


def write_row(output: Path, row: NewRow, run: FinishedRun) -> None:
    """Write the table, the comparisons and the single scores of the row to the new folder `output`, whole or not at
    all."""
    with replacing(output) as folder:
        folder.mkdir()
        texts = {
            "table.md": table_markdown(_grid(row, run)),
            "table.csv": table_csv(row.table.summary, run.horizons_s),
            "comparisons.md": comparisons_markdown(row.differences, [], _title(row, run)),
            "comparisons.csv": comparisons_csv(row.differences),
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        pq.write_table(row.scores.values, folder / "scores.parquet", compression="zstd")


def row_text(row: NewRow, run: FinishedRun) -> str:
    """The table and the comparisons for a terminal."""
    return "\n".join([table_text(_grid(row, run)), comparisons_text(row.differences, []), *row.notes])


def row_facts(row: NewRow, run: FinishedRun) -> dict[str, Any]:
    """The same of the new row for programs; null where there is no number."""
    lines = [one for one in at_horizons(row.scores.summary, run.horizons_s) if one["method"] == row.name]
    keys = ("horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips")
    return {
        "name": row.name,
        "run": run.name,
        "samples": row.samples,
        "scores": [{key: _known(line[key]) for key in keys} for line in lines],
        "comparisons": [
            {
                "over": one.second,
                "horizon_s": one.horizon_s,
                "metric": one.metric,
                "difference": _known(one.difference.mean),
                "ci_low": _known(one.difference.low),
                "ci_high": _known(one.difference.high),
                "favours": one.favours or None,
            }
            for one in row.differences
        ],
        "notes": row.notes,
    }


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _grid(row: NewRow, run: FinishedRun) -> Grid:
    samples = "one sample" if row.samples == 1 else f"{row.samples} samples"
    about = f"{row.name}: predictions of another model, {samples} of each window."
    return make_grid(row.table, run.horizons_s, _title(row, run), " ".join([about, *row.notes]))


def _title(row: NewRow, run: FinishedRun) -> str:
    return f"{run.name} with {row.name}, predicted elsewhere"
