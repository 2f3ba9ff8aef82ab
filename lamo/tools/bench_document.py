"""`lamo docs bench`: what README.md and docs/results.md show of results/bench: tables, claims, a picture."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lamo.config import Config
from lamo.jobs.code_hash import ROOT
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.rows import readable, row_label
from lamo.report.table import markdown_table, with_half
from lamo.tools.claims import claims_table, read_published
from lamo.tools.documents import check_marks, replace_between

DOCUMENT = ROOT / "README.md"
CLAIMS_DOCUMENT = ROOT / "docs" / "results.md"
RESULTS = ROOT / "results" / "bench"
SCORES = RESULTS / "table.csv"
PICTURE = ROOT / "docs" / "images" / "bench_rollout.png"
# Height of what stands below the last block of a contact sheet; pixels.
FOOTER = 46
COLUMNS = (
    *(("psnr", "0.2"), ("psnr", "0.6"), ("psnr", "1.6"), ("ssim", "1.6"), ("sharpness", "1.6")),
    *(("energy_score", "1.6"), ("energy_features", "1.6"), ("fd_imagenet", "1.6"), ("fd_world", "1.6")),
)
"""Metric and horizon in s of each column; those that the results do not have are left out."""
SHORT_ROWS = ("oracle_motion", "gmm", "flow-4", "gmm-linear", "state-4")
SHORT_COLUMNS = (("psnr", "1.6"), ("sharpness", "1.6"), ("energy_score", "1.6"), ("energy_features", "1.6"))
"""Rows and columns of the short table in README.md."""


def table(
    scores: Path = SCORES,
    columns: Sequence[tuple[str, str]] = COLUMNS,
    rows_shown: Sequence[str] | None = None,
) -> str:
    """A row for each method, or for those of `rows_shown`; behind every mean stands half its 95 % interval."""
    rows = read_published(scores)
    cells = {(row_label(r["method"], r["sampler"]), r["metric"], r["horizon_s"]): r for r in rows}
    there = {(metric, horizon) for _, metric, horizon in cells}
    shown = [column for column in columns if column in there]
    titles = ["method", *(f"{metric_of(metric).title} {horizon} s" for metric, horizon in shown)]
    lines = []
    labels = list(dict.fromkeys(label for label, _, _ in cells))
    for label in labels if rows_shown is None else [label for label in rows_shown if label in labels]:
        found = [_cell(cells.get((label, metric, horizon)), metric) for metric, horizon in shown]
        lines.append([readable(label), *found])
    return "\n".join(markdown_table(titles, lines))


def _cell(row: dict[str, str] | None, metric: str) -> str:
    if row is None or not row["mean"]:
        return "n/a"
    mean = float(row["mean"])
    half = (float(row["ci_high"]) - float(row["ci_low"])) / 2 if row["ci_high"] else math.nan
    return with_half(mean, half, metric_of(metric).decimals_for([mean]))


def picture() -> Image.Image:
    """The first block of the contact sheet, which shows one window."""
    windows = Config().metrics.sheet.windows
    with Image.open(RESULTS / "contact_sheet.png") as sheet:
        return sheet.crop((0, 0, sheet.width, (sheet.height - FOOTER) // windows))


def write() -> None:
    """Put the tables into their documents and cut the picture out again.

    Raises:
        LamoError: a published table is missing, or a document has no place for its table.
    """
    texts = (
        (DOCUMENT, "bench", table(columns=SHORT_COLUMNS, rows_shown=SHORT_ROWS)),
        (CLAIMS_DOCUMENT, "table", table()),
        (CLAIMS_DOCUMENT, "claims", claims_table(RESULTS)),
    )
    for document, name, _ in texts:
        check_marks(document, name)
    for document, name, text in texts:
        replace_between(document, name, text)
    picture().save(PICTURE, optimize=True)
