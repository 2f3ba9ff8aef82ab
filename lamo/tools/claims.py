"""`lamo docs bench`: the claims of docs/results.md, each with what the benchmark measured and whether it holds.

A claim is a sentence about one metric of one row, or of one row less another, at the longest horizon. What was found
is read off the published tables. Claims about rows that the results do not have are left out.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamo.errors import LamoError
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.rows import readable, row_label
from lamo.report.table import markdown_table, with_half
from lamo.statistics.intervals import Interval

HORIZON = "1.6"


@dataclass(frozen=True)
class Claim:
    """What is claimed of `metric` of the row `first`, less that of `second` if there is one.

    `low` and `high` are the bounds that the value is claimed to lie between; with `relative` in parts of the value of
    `second`, as -0.02 for 2 % less.
    """

    text: str
    first: str
    second: str
    metric: str
    low: float = -math.inf
    high: float = math.inf
    relative: bool = False


def _ahead_of_linear(row: str) -> Iterator[Claim]:
    text = f"{row} is ahead of the linear model"
    yield Claim(f"{text} by 6 %", row, "gmm-linear", "energy_features", high=-0.06, relative=True)
    yield Claim(f"{text} by 2 %", row, "gmm-linear", "energy_score", high=-0.02, relative=True)
    yield Claim(text, row, "gmm-linear", "nll_motion", high=0)


def _ahead_of_controls(row: str) -> Iterator[Claim]:
    for control in ("constant_motion", "persistence_blurred"):
        text = f"{row} is ahead of {readable(control)}"
        yield Claim(text, row, control, "energy_score", high=0)
        yield Claim(text, row, control, "psnr_mean", low=0)


CLAIMS: Sequence[Claim] = (
    Claim("the tokens carry motion: another drive's cost", "oracle_motion", "shuffled_motion", "psnr", low=0),
    Claim("the forward model carries content", "oracle_motion", "persistence_blurred", "psnr", low=0),
    Claim("the forward model stays sharp", "oracle_motion", "", "sharpness", low=0.85),
    Claim("so do samples of the flow", "flow-4", "", "sharpness", low=0.75),
    Claim("samples vary as much as they should", "flow-4", "", "coverage_oracle", 0.72, 0.82),
    Claim("samples vary as much as they should", "gmm", "", "coverage_oracle", 0.72, 0.82),
    Claim("the paper: motion tokens over dense states", "flow-4", "state-4", "psnr", low=0.6),
    Claim("the paper: motion tokens over dense states", "flow-4", "state-4", "ssim", low=0.03),
    Claim("the paper: motion tokens over dense states", "flow-4", "state-4", "fd_imagenet", high=-0.17, relative=True),
    Claim("the paper: mixture over flow", "gmm", "flow-4", "psnr", low=0),
    Claim("the paper: flow under mixture", "flow-4", "gmm", "fd_imagenet", high=0),
    *_ahead_of_linear("flow-4"),
    *_ahead_of_linear("gmm"),
    *_ahead_of_controls("flow-4"),
    *_ahead_of_controls("gmm"),
    Claim(
        "4 evaluations of the flow are as good as 50", "flow-4", "flow-50", "energy_score", -0.01, 0.01, relative=True
    ),
    Claim("the baseline is ahead of its own linear model", "state-4", "state-linear", "energy_score", high=0),
    Claim("no forecast is ahead of ideal futures", "ideal_futures", "flow-4", "energy_score", high=0),
)


def verdict(claim: Claim, found: Interval) -> str:
    """ "holds" if the whole interval lies within the claim's bounds, "does not hold" if all of it lies outside."""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return "no interval"
    if claim.low <= found.low and found.high <= claim.high:
        return "holds"
    return "does not hold" if found.high < claim.low or found.low > claim.high else "not told apart"


def claims_table(folder: Path) -> str:
    """A row for each claim whose rows the published results in `folder` have.

    Raises:
        LamoError: a table is missing there.
    """
    rows = {(row_label(row["method"], row["sampler"]), "", row["metric"]): row for row in _at_horizon(folder, "table")}
    rows |= {(row["first"], row["second"], row["metric"]): row for row in _at_horizon(folder, "comparisons")}
    lines = []
    for claim in CLAIMS:
        row = rows.get((claim.first, claim.second, claim.metric))
        if row is None or not row["difference" if claim.second else "mean"]:
            continue
        lines.append(_line(claim, row))
    titles = ["claim", f"measured after {HORIZON} s", "claimed", "found", "verdict"]
    return "\n".join(markdown_table(titles, lines, texts=len(titles)))


def _line(claim: Claim, row: dict[str, str]) -> list[str]:
    found = Interval(*(_number(row[key]) for key in ("difference" if claim.second else "mean", "ci_low", "ci_high")))
    counted = in_parts(found, abs(float(row["second_mean"]))) if claim.relative else found
    rows = f"{readable(claim.first)} over {readable(claim.second)}" if claim.second else readable(claim.first)
    what = f"{metric_of(claim.metric).title}, {rows}"
    return [claim.text, what, _bounds(claim), _text(claim, found, counted), verdict(claim, counted)]


def in_parts(found: Interval, size: float) -> Interval:
    """The interval in parts of `size`, NaN of 0."""
    size = size or math.nan
    return Interval(found.mean / size, found.low / size, found.high / size)


def read_published(path: Path) -> list[dict[str, str]]:
    """The rows of a published table. Raises `LamoError` if there is none."""
    if not path.is_file():
        raise LamoError(f"{path}: found no file, expected a published table; run make bench-science, which writes it")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _at_horizon(folder: Path, name: str) -> list[dict[str, str]]:
    return [row for row in read_published(folder / f"{name}.csv") if row["horizon_s"] == HORIZON]


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _text(claim: Claim, found: Interval, counted: Interval) -> str:
    """The value with half its interval, its unit and, where the claim is relative, what that is in percent."""
    one = metric_of(claim.metric)
    sign = "+" if claim.second and found.mean >= 0 else ""
    number = with_half(found.mean, found.half, one.decimals_for([abs(found.mean)]))
    unit = f" {one.unit}" if one.unit else ""
    return f"{sign}{number}{unit}" + (f", {100 * counted.mean:+.1f} %" if claim.relative else "")


def _bounds(claim: Claim) -> str:
    low, high = (f"{100 * value:g} %" if claim.relative else f"{value:g}" for value in (claim.low, claim.high))
    if math.isinf(claim.low):
        return f"below {high}"
    return f"above {low}" if math.isinf(claim.high) else f"{low} to {high}"
