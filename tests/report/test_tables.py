"""Table formats, exactly."""

import csv
import io
import math
from dataclasses import replace

import pyarrow as pa
import pytest

from lamo.errors import LamoError
from lamo.metrics.catalogue import METRICS
from lamo.metrics.long_form import Features, Scores
from lamo.report.tables import (
    COLUMNS,
    make_grid,
    make_samples_grid,
    table_csv,
    table_latex,
    table_markdown,
    table_text,
)

HORIZONS = (0.2, 1.6)


@pytest.fixture
def small() -> Scores:
    """Two rows with round numbers."""
    rows = []
    for method, sampler, samples, seeds in (("decoder_ceiling", "-", 1, 1), ("flow", "flow-20", 4, 3)):
        for step in (1, 2, 8):
            for metric, mean, half in (
                *(("psnr", 20 + step, 0.5), ("ssim", 0.7, 0.01), ("sharpness", 0.5, math.nan)),
                *(("energy_score", 0.0625, 0.002), ("psnr_best", 22.0, 0.5), ("skill", 0.25, 0.1)),
                ("coverage", math.nan if samples == 1 else 0.4, math.nan),
            ):
                key = {"method": method, "sampler": sampler, "step": step, "horizon_s": step / 5, "metric": metric}
                counts = {"n_clips": 3, "n_samples": samples, "n_seeds": seeds}
                rows.append({**key, "mean": float(mean), "ci_low": mean - half, "ci_high": mean + half, **counts})
            if method == "flow":
                rows.append({**rows[-1], "metric": "spread_latent", "mean": 0.3, "ci_low": 0.2, "ci_high": 0.4})
            rows.append({**rows[-1], "metric": "fd_imagenet", "mean": 12.34, "ci_low": 11.0, "ci_high": 14.0})
            rows.append({**rows[-1], "metric": "kid_imagenet", "mean": -0.5})
            rows.append({**rows[-1], "metric": "drift"})
    empty = pa.table({"value": [1.0]})
    features = [Features("fd_imagenet", "Frechet distance on something; not FID.", 320, (0.5, 1.25))]
    return Scores(empty, empty, pa.Table.from_pylist(rows), 6, 400, features)


@pytest.fixture
def grid(small):
    return make_grid(
        small,
        HORIZONS,
        "run demo_1 (compact preset)",
        "Midway: the published form.",
    )


def test_csv_is_exact(small):
    lines = table_csv(small.summary, HORIZONS).splitlines()
    assert lines[0] == "method,sampler,horizon_s,metric,mean,ci_low,ci_high,n_clips,n_samples,n_seeds"
    assert lines[1] == "decoder_ceiling,-,0.2,psnr,21.000000,20.500000,21.500000,3,1,1"
    assert lines[3] == "decoder_ceiling,-,0.2,sharpness,0.500000,,,3,1,1"
    assert lines[-3] == "flow,flow-20,1.6,fd_imagenet,12.340000,11.000000,14.000000,3,4,3"
    assert lines[7] == "decoder_ceiling,-,0.2,coverage,,,,3,1,1"
    assert len(lines) == 1 + 2 * (10 + 11)


def test_markdown_is_exact(grid):
    lines = table_markdown(grid).splitlines()
    assert lines[0] == "| after 0.2 s | PSNR ↑ | SSIM ↑ | sharpness →1 | energy ↓ | FD ImageNet ↓ |"
    assert lines[1] == "|---|" + "---:|" * 5
    assert lines[3] == "| flow-20 | 21.00 ±0.50 | 0.700 ±0.010 | 0.50 | 0.0625 ±0.0020 | 12.3 ±1.5 |"
    assert lines[4] == ""
    assert lines[5].startswith("| after 1.6 s | PSNR")
    assert lines[8] == "| flow-20 | 28.00 ±0.50 | 0.700 ±0.010 | 0.50 | 0.0625 ±0.0020 | 12.3 ±1.5 |"


def test_what_is_not_in_the_main_table_is_in_that_of_samples(small):
    grid = make_samples_grid(small, HORIZONS, "run demo_1")
    lines = table_markdown(grid).splitlines()
    assert lines[0] == "| after 0.2 s | PSNR best ↑ | skill ↑ | coverage | KID ImageNet ↓ | latent spread |"
    assert lines[2].startswith("| decoder ceiling | 22.00 ±0.50 | 0.25 ±0.10 | n/a | -0.50")
    assert lines[2].endswith("| n/a |")
    assert "| 0.400 |" in lines[3]
    for part in (
        "run demo_1: 6 context windows from 3 held-out clips",
        "the nominal value is 0.600 with 4 samples",
        "ties of 8-bit values are broken at random",
        "n/a where a row has one sample",
        "over pairs of frames of different clips",
        "Distances compare 400 predicted frames with as many true ones, one of each of so many windows; each training "
        "seed has windows of its own",
        "1 - MSE / MSE of the last observed frame",
    ):
        assert part in grid.caption


def test_the_caption_says_whether_seeds_are_in_the_interval(small):
    grids = []
    for seeds in (1, 3):
        rows = [{**row, "n_seeds": seeds} for row in small.summary.to_pylist()]
        scores = replace(small, summary=pa.Table.from_pylist(rows))
        grids.append(make_grid(scores, HORIZONS, "run", "Midway."))
    assert "which does not contain what another training seed would change" in grids[0].caption
    assert "over clips (bootstrap) and, in learned rows, training seeds (Student's t)" in grids[1].caption
    assert "95 % interval over clips;" in table_text(grids[0])
    assert "interval over clips and training seeds;" in table_text(grids[1])


def test_caption_says_what_the_numbers_are(grid):
    for part in (
        "run demo_1 (compact preset): 6 context windows from 3 held-out clips",
        "4 samples per window and 3 training seeds",
        "means of the scores of single samples, never of the best of several",
        "95 % interval, over clips (bootstrap) and, in learned rows, training seeds",
        "a method without chance has one future, whose error is its energy score; n/a where one future was drawn",
        "Frechet distance on something; not FID.",
        "Midway: the published form.",
        "FD ImageNet: lower is better. Frechet distance on something; not FID. It is biased upwards by 0.5 to 1.2",
        "Distances compare 400 predicted frames with as many true ones",
    ):
        assert part in grid.caption


def test_latex_is_escaped_and_balanced(grid):
    text = table_latex(grid)
    assert r"run demo\_1 (compact preset)" in text
    assert r"95 \% interval" in text
    assert r"flow-20 & $21.00 \pm 0.50$ & $0.700 \pm 0.010$ & $0.50$ & $0.0625 \pm 0.0020$ & $12.3 \pm 1.5$" in text
    assert r"\multicolumn{6}{l}{after 0.2\,s}" in text
    assert r"\begin{tabular}{lrrrrr}" in text
    assert text.count(" \\\\\n") == 1 + 2 * (1 + 2)
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert "±" not in text
    assert text.count("{") == text.count("}")


def test_text_fits_a_terminal(grid):
    text = table_text(grid)
    assert "after 0.2 s" in text
    assert "decoder ceiling" in text
    assert text.endswith("\nrun demo_1 (compact preset)\n")
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_machine_readable_table_is_whole_and_identical_every_time(scores, run):
    text = table_csv(scores.summary, run.config.horizons_s)
    assert table_csv(scores.summary, run.config.horizons_s) == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    # LPIPS takes a file of weights: tests/metrics/test_perceptual_scores.py
    assert {row["metric"] for row in rows} == {*METRICS, "fd_grid", "kid_grid", "fd_world", "kid_world"} - {"lpips"}
    shown = [
        make_grid(scores, run.config.horizons_s, "run", ""),
        make_samples_grid(scores, run.config.horizons_s, ""),
    ]
    in_no_table = {one.name for one in METRICS.values() if one.table is None}
    assert {row["metric"] for row in rows} - in_no_table == {one.name for table in shown for one in table.metrics}
    assert not set(shown[0].metrics) & set(shown[1].metrics)
    assert {row["horizon_s"] for row in rows} == {"0.2", "0.6", "1.6"}


def test_unknown_horizons_are_named(small):
    with pytest.raises(LamoError, match=r"no scores at \[0.6\] s"):
        table_csv(small.summary, (0.2, 0.6))
