"""The benchmark's table and picture in README.md, made again from results/bench."""

import csv
import sys
from pathlib import Path

from PIL import Image

from lamo.config import Config
from lamo.errors import LamoError
from lamo.metrics.catalogue import decimals_of, title
from lamo.metrics.rows import row_label
from lamo.report.style import readable
from lamo.tools.documents import replace_between

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "README.md"
RESULTS = ROOT / "results" / "bench"
SCORES = RESULTS / "table.csv"
PICTURE = ROOT / "docs" / "images" / "bench_rollout.png"
# Pixels below the last block of a contact sheet.
FOOTER = 46
COLUMNS = (
    *(("psnr", "0.2"), ("psnr", "0.6"), ("psnr", "1.6"), ("ssim", "1.6"), ("sharpness", "1.6")),
    *(("energy_score", "1.6"), ("fd_world", "1.6")),
)


def table(scores: Path = SCORES) -> str:
    """A row per method, and half the width of the 95 % interval behind every mean."""
    with scores.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(row_label(r["method"], r["sampler"]), r["metric"], r["horizon_s"]): r for r in rows}
    lines = ["| method | " + " | ".join(f"{title(metric)} {horizon} s" for metric, horizon in COLUMNS) + " |"]
    lines.append("|---|" + "---:|" * len(COLUMNS))
    for label in dict.fromkeys(label for label, _, _ in cells):
        found = [_cell(cells.get((label, metric, horizon)), metric) for metric, horizon in COLUMNS]
        lines.append(f"| {readable(label)} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, str] | None, metric: str) -> str:
    if row is None or not row["mean"]:
        return "n/a"
    mean = float(row["mean"])
    decimals = decimals_of(metric, [mean])
    half = f" ±{(float(row['ci_high']) - float(row['ci_low'])) / 2:.{decimals}f}" if row["ci_high"] else ""
    return f"{mean:.{decimals}f}{half}"


def picture() -> Image.Image:
    """The first block of the contact sheet."""
    windows = Config().metrics.sheet.windows
    with Image.open(RESULTS / "contact_sheet.png") as sheet:
        return sheet.crop((0, 0, sheet.width, (sheet.height - FOOTER) // windows))


if __name__ == "__main__":
    try:
        replace_between(DOCUMENT, "bench", table())
        picture().save(PICTURE, optimize=True)
    except LamoError as error:
        sys.exit(str(error))
