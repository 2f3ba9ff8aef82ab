"""Differences between rows: pairing of windows and seeds, which pairs, what is written."""

import csv
import io
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest
from scored_run import cut

from lamo.errors import LamoError
from lamo.metrics.catalogue import METRICS
from lamo.metrics.comparisons import compare, pairs_of
from lamo.report.comparisons_table import COLUMNS, comparisons_csv, comparisons_markdown, comparisons_text
from lamo.statistics.intervals import ClipBootstrap

PAIRS = ("flow-20 over flow-5", "flow-20 over state-20", "learned over persistence_pixels")
HORIZONS = (0.2, 1.6)


def compared(scores, pairs=PAIRS):
    return compare(scores.values, scores.replicates, HORIZONS, pairs, 200)


@pytest.fixture(scope="module")
def found(scores):
    return compared(scores)[0]


def one(found, first, second, metric, horizon=1.6):
    return next(f for f in found if (f.first, f.second, f.metric, f.horizon_s) == (first, second, metric, horizon))


def test_learned_stands_for_every_learned_row_and_missing_rows_are_named(scores):
    found, missing = compared(scores)
    assert missing == ["flow-20 over state-20"]
    assert list(dict.fromkeys((f.first, f.second) for f in found)) == [
        ("flow-20", "flow-5"),
        *((name, "persistence_pixels") for name in ("gmm", "flow-20", "flow-5")),
    ]
    # Four pairs, two horizons, the compared metrics and the Frechet distance; both flows alone have the same density.
    everywhere = {name for name, one in METRICS.items() if one.compare} - {"nll_motion", "nll_state", "lpips"}
    assert len(found) == 2 * (4 * (len(everywhere) + 1) + 1)
    assert {(f.first, f.second) for f in found if f.metric == "nll_motion"} == {("flow-20", "flow-5")}
    rows = {"flow-5": ("flow", "flow-5"), "gmm": ("gmm", "gmm")}
    pairs = pairs_of(["gmm over flow-5", "learned over gmm", "gmm over flow-5"], rows)[0]
    assert pairs == [("gmm", "flow-5"), ("flow-5", "gmm")]


def test_a_difference_is_that_of_the_rows_means(found, scores):
    means = {(r["sampler"], r["metric"]): r["mean"] for r in scores.summary.to_pylist() if r["step"] == 8}
    for metric in ("psnr", "ssim", "energy_score", "fd_grid"):
        difference = one(found, "flow-20", "flow-5", metric)
        assert difference.first_mean == pytest.approx(means["flow-20", metric])
        assert difference.second_mean == pytest.approx(means["flow-5", metric])
        assert difference.difference.mean == pytest.approx(means["flow-20", metric] - means["flow-5", metric])
        assert (difference.clips, difference.seeds) == (8, 2)


def test_intervals_are_of_differences_window_by_window_and_seed_by_seed(found, run, scores):
    frame = scores.values.filter(pc.equal(scores.values["metric"], "psnr")).to_pandas()
    frame = frame[frame.step == 8]
    values = []
    for sampler in ("flow-20", "flow-5"):
        rows = frame[frame.sampler == sampler].groupby(["clip", "window_start", "seed"]).value.mean().unstack()
        values.append(rows)
    clips = [clip for clip, _ in values[0].index]
    expected = ClipBootstrap(clips, 200, 0).mean((values[0] - values[1]).to_numpy(), seeded=True)
    difference = one(found, "flow-20", "flow-5", "psnr").difference
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))


def test_a_control_stands_beside_every_seed(found):
    difference = one(found, "flow-20", "persistence_pixels", "energy_score")
    assert difference.seeds == 2
    assert difference.difference.high < 0
    assert difference.favours == "flow-20"
    assert one(found, "flow-20", "persistence_pixels", "psnr").favours == "flow-20"


def test_equal_rows_favour_neither(run):
    twin = [replace(s, sampler="flow-50") for s in run.sets if s.label == "flow-20"]
    found, _ = compared(run.score(sets=[*run.sets, *twin]), ["flow-50 over flow-20"])
    for difference in found:
        assert difference.difference.mean == 0
        assert (difference.difference.low, difference.difference.high) == pytest.approx((0, 0), abs=1e-9)
        assert difference.favours == ""


def test_other_seeds_and_other_horizons_are_refused(run, scores):
    moved = [replace(s, seed=s.seed + 5) if s.label == "flow-5" else s for s in run.sets]
    with pytest.raises(LamoError, match=r"flow-20 has training seeds \[0, 1\] and flow-5 \[5, 6\]"):
        compared(run.score(sets=moved), PAIRS[:1])
    with pytest.raises(LamoError, match=r"found no scores at 3 s"):
        compare(scores.values, scores.replicates, (3.0,), PAIRS, 200)


def test_one_clip_has_differences_without_intervals(run):
    few = [i for i, window in enumerate(run.truth.windows) if window.clip_id == "clip-0"]
    found, missing = compared(run.score(**cut(run, few)), PAIRS[:1])
    assert {f.favours for f in found} == {""}
    assert all(np.isnan(f.difference.low) for f in found)
    assert "nan" not in comparisons_text(found, missing) + comparisons_csv(found)


def test_csv_has_every_difference(found):
    rows = list(csv.DictReader(io.StringIO(comparisons_csv(found))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(found)
    assert {row["favours"] for row in rows} <= {"flow-5", "flow-20", "gmm", "persistence_pixels", ""}
    for row in rows:
        assert float(row["ci_low"]) <= float(row["difference"]) <= float(row["ci_high"])


def test_texts_say_what_is_compared_and_what_is_left_out(found):
    markdown, text = comparisons_markdown(found, PAIRS[1:2], "demo"), comparisons_text(found, PAIRS[1:2])
    for shown in (markdown, text):
        assert "flow-20 over persistence pixels" in shown
        assert "Left out, since this run lacks a row: flow-20 over state-20." in " ".join(shown.split())
        assert "clips (8) and training seeds (2, paired by number)" in " ".join(shown.split())
        assert shown.count("after 0.2 s") == shown.count("after 1.6 s")
    assert markdown.count("after 0.2 s") == 1
    assert text.count("after 0.2 s") == 2  # columns that do not fit beside the others stand below them
    psnr = one(found, "flow-20", "persistence_pixels", "psnr").difference
    assert "| flow-20 over persistence pixels |" in markdown
    assert "n/a" in markdown.split("flow-20 over persistence pixels")[1].splitlines()[0]
    assert f"**{psnr.mean:+.2f} [{psnr.low:+.2f}, {psnr.high:+.2f}]**" in markdown
    assert f"{psnr.mean:+.2f} ±{(psnr.high - psnr.low) / 2:.2f}*" in text
    assert max(map(len, text.splitlines())) <= 100
    assert comparisons_text([], ["flow-20 over gmm"]).startswith("no comparison of this run.")
