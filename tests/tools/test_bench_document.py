"""README.md shows the table of results/bench as it is."""

import csv

from lamo.tools import bench_document as bench

README = bench.DOCUMENT.read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results():
    written = README.partition("<!-- bench: begin -->\n")[2].partition("\n<!-- bench: end -->")[0]
    assert written == bench.table(), "run `make bench-science`"


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
