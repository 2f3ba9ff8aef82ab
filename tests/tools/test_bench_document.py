"""README.md and docs/results.md show the tables of results/bench as they are."""

import csv
import math

import pytest

from lamo.errors import LamoError
from lamo.metrics.catalogue import metric as metric_of
from lamo.rollout.control_names import CONTROLS, IDEAL
from lamo.statistics.intervals import Interval
from lamo.tools import bench_document as bench
from lamo.tools.claims import CLAIMS, Claim, claims_table, in_parts, verdict
from lamo.tools.overlay import read_config

README = bench.DOCUMENT.read_text(encoding="utf-8")


RESULTS = bench.CLAIMS_DOCUMENT.read_text(encoding="utf-8")


def marked(text: str, name: str) -> str:
    """What a document holds between the marks of that name."""
    return text.partition(f"<!-- {name}: begin -->\n")[2].partition(f"\n<!-- {name}: end -->")[0]


def test_the_tables_are_those_of_the_results():
    assert marked(RESULTS, "table") == bench.table(), "run `make bench-science`"
    short = bench.table(columns=bench.SHORT_COLUMNS, rows_shown=bench.SHORT_ROWS)
    assert marked(README, "bench") == short, "run `make bench-science`"
    assert len(short.splitlines()) == 2 + len(bench.SHORT_ROWS)


def test_the_claims_are_those_of_the_results():
    assert marked(RESULTS, "claims") == claims_table(bench.RESULTS), "run `make bench-science`"


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (-0.09, -0.07, "holds"),
        (-0.07, -0.05, "not told apart"),
        (-0.05, 0.01, "does not hold"),
        (float("nan"), float("nan"), "no interval"),
    ],
)
def test_a_claim_holds_if_its_whole_interval_lies_within_the_bounds(low, high, found):
    claim = Claim("ahead by 6 %", "gmm", "gmm-linear", "energy_features", high=-0.06, relative=True)
    mean = -0.08 if math.isnan(low) else (low + high) / 2
    assert verdict(claim, in_parts(Interval(2 * mean, 2 * low, 2 * high), 2.0)) == found
    between = Claim("as good", "flow-4", "flow-50", "energy_score", -0.01, 0.01, relative=True)
    assert verdict(between, Interval(0.0, -0.009, 0.009)) == "holds"
    assert verdict(between, Interval(0.0, -0.02, 0.009)) == "not told apart"
    assert verdict(between, Interval(0.03, 0.02, 0.04)) == "does not hold"


def test_the_benchmark_makes_every_row_and_comparison_of_the_claims():
    config = read_config([bench.ROOT / "config" / "bench.yaml"])
    rows = {*(row.label for row in config.predictors.rows()), *CONTROLS, IDEAL}
    compared = set(config.metrics.comparisons)
    for claim in CLAIMS:
        assert claim.first in rows
        learned = f"learned over {claim.second}"
        assert not claim.second or compared & {f"{claim.first} over {claim.second}", learned}, claim
        assert metric_of(claim.metric).compare or not claim.second


def test_claims_about_rows_that_are_not_there_are_left_out(tmp_path):
    (tmp_path / "table.csv").write_text(
        "method,sampler,horizon_s,metric,mean,ci_low,ci_high\noracle_motion,-,1.6,sharpness,0.91,0.90,0.92\n"
        "oracle_motion,-,0.6,sharpness,0.5,0.4,0.6\n"
    )
    (tmp_path / "comparisons.csv").write_text(
        "first,second,horizon_s,metric,first_mean,second_mean,difference,ci_low,ci_high\n"
        "gmm,gmm-linear,1.6,energy_score,0.078,0.08,-0.002,-0.0024,-0.0016\n"
        "gmm,gmm-linear,1.6,nll_motion,,,,,\n"
    )
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in claims_table(tmp_path).splitlines()[2:]]
    assert lines == [
        ["the forward model stays sharp", "sharpness, oracle motion", "above 0.85", "0.91 ±0.01", "holds"],
        ["gmm is ahead of the linear model by 2 %", "energy, gmm over gmm-linear", "below -2 %",
         "-0.0020 ±0.0004, -2.5 %", "holds"],
    ]  # fmt: skip


def test_a_table_that_is_missing_is_named(tmp_path):
    with pytest.raises(
        LamoError, match=r"table\.csv: found no file, expected a published table; run make bench-science"
    ):
        claims_table(tmp_path)
    with pytest.raises(LamoError, match=r"nowhere\.csv: found no file"):
        bench.table(tmp_path / "nowhere.csv")


def test_a_cell_is_the_mean_with_half_its_interval(tmp_path):
    names = ("method", "sampler", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_clips", "n_samples", "n_seeds")
    scores = tmp_path / "table.csv"
    with scores.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerow(("flow", "flow-20", "0.2", "psnr", "25.123456", "24.5", "25.7", 9, 8, 3))
        rows.writerow(("flow", "flow-20", "1.6", "ssim", "0.5", "", "", 9, 8, 3))
        rows.writerow(("gmm", "gmm", "0.2", "psnr", "24.0", "23.0", "25.0", 9, 8, 3))
    titles, _, *lines = bench.table(scores).splitlines()
    assert titles == "| method | PSNR 0.2 s | SSIM 1.6 s |"  # columns that no row has are left out
    assert lines == ["| flow-20 | 25.12 ±0.60 | 0.500 |", "| gmm | 24.00 ±1.00 | n/a |"]
