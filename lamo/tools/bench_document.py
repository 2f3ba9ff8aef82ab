"""`lamo docs bench`: the table and the picture of README.md and the claims of docs/results.md, from results/bench."""

import csv
import math
from pathlib import Path

from PIL import Image

from lamo.config import Config
from lamo.jobs.code_hash import ROOT
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.rows import readable, row_label
from lamo.report.table import markdown_table, with_half
from lamo.tools.claims import claims_table
from lamo.tools.documents import replace_between

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


def table(scores: Path = SCORES) -> str:
    """A row for each method; behind every mean stands half the width of its 95 % interval."""
    with scores.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(row_label(r["method"], r["sampler"]), r["metric"], r["horizon_s"]): r for r in rows}
    there = {(metric, horizon) for _, metric, horizon in cells}
    columns = [column for column in COLUMNS if column in there]
    titles = ["method", *(f"{metric_of(metric).title} {horizon} s" for metric, horizon in columns)]
    lines = []
    for label in dict.fromkeys(label for label, _, _ in cells):
        found = [_cell(cells.get((label, metric, horizon)), metric) for metric, horizon in columns]
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
        LamoError: a document has no place for its table.
    """
    replace_between(DOCUMENT, "bench", table())
    replace_between(CLAIMS_DOCUMENT, "claims", claims_table(RESULTS))
    picture().save(PICTURE, optimize=True)
