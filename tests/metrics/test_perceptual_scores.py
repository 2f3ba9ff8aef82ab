"""A made-up run that is scored with LPIPS and FVD: what is added to its tables, and that nothing else changes."""

import numpy as np
import pandas as pd
import pytest
from made_weights import made_alexnet
from scored_run import EXTRACTORS, of

from lamo.metrics.comparisons import compare
from lamo.metrics.features.clips import ClipFeatures
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.perceptual import Lpips
from lamo.metrics.scored import read_scored, write_scored
from lamo.metrics.scores import score_row
from lamo.report.figures import metric_curves
from lamo.report.tables import make_grid, make_samples_grid, table_csv, table_markdown
from lamo.tools.report.charts import metric_charts

HORIZONS = (0.2, 0.6, 1.6)
NEW = ("lpips", "fvd", "kid_i3d")


class Network:
    """Mean colours of a clip, and how much they change from frame to frame: 6 features."""

    metric = "fvd"
    digits = "01234567"

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        means = clips.mean(axis=(2, 3))
        return np.concatenate([means.mean(axis=1), 50 * np.abs(np.diff(means, axis=1)).mean(axis=1)], axis=1)


class Contexts:
    """The observed frames of the run's windows."""

    def __init__(self, run) -> None:
        self.frames = dict(zip(run.truth.windows, run.context, strict=True))

    def read(self, windows, first, last):
        return np.stack([self.frames[window][first:last] for window in windows])


@pytest.fixture(scope="module")
def clips(run):
    return ClipFeatures(Network(), Contexts(run), 4)


@pytest.fixture(scope="module")
def lpips(tmp_path_factory):
    return Lpips(made_alexnet(tmp_path_factory.mktemp("weights") / "alexnet.pth"))


@pytest.fixture(scope="module")
def more(run, lpips, clips):
    return run.score(lpips=lpips, clips=clips)


def test_all_other_numbers_are_as_without(scores, more):
    for name in ("values", "replicates", "summary"):
        before, after = getattr(scores, name).to_pandas(), getattr(more, name).to_pandas()
        new = after["metric"].isin(NEW)
        assert new.any()
        pd.testing.assert_frame_equal(after[~new].reset_index(drop=True), before, check_exact=True)
    assert more.features[:-1] == scores.features


def test_lpips_is_the_mean_over_windows_samples_and_seeds_at_the_horizons(run, lpips, more):
    for label, seeds in (("flow-20", 2), ("decoder_ceiling", 1)):
        sets = [one for one in run.sets if one.label == label]
        assert len(sets) == seeds
        found = [
            lpips(one.rollouts.frames[:, sample, 2], run.truth.frames[:, 0, 2])
            for one in sets
            for sample in range(one.rollouts.frames.shape[1])
        ]
        line = of(more, "lpips", label, 3)
        assert line["mean"] == pytest.approx(np.mean(found), rel=1e-5)
        assert line["ci_low"] < line["mean"] < line["ci_high"]
        assert np.isnan(of(more, "lpips", label, 2)["mean"])
    noise = [of(more, "lpips", label, 8)["mean"] for label in ("decoder_ceiling", "flow-20", "flow-5", "gmm")]
    assert (np.diff([0, *noise]) > 0).all()


def test_fvd_is_of_whole_clips_at_the_last_horizon_alone(run, more):
    lines = [row for row in more.summary.to_pylist() if row["metric"] in ("fvd", "kid_i3d")]
    assert {row["step"] for row in lines} == {8}
    (one,) = (one for one in run.sets if one.label == "gmm")
    features = [
        Network()(np.concatenate([run.context, frames], axis=1))
        for frames in (run.truth.frames[:, 0], one.single.frames[:, 0])
    ]
    line = of(more, "fvd", "gmm", 8)
    assert line["mean"] == pytest.approx(frechet_distance(*features), rel=1e-6)
    assert line["ci_low"] < line["mean"] < line["ci_high"]
    assert of(more, "fvd", "flow-20", 8)["mean"] < of(more, "fvd", "persistence_pixels", 8)["mean"]


def test_the_distance_of_the_truth_from_itself_is_none(run, clips):
    still = next(one for one in run.sets if one.label == "oracle_motion")
    true = type(still)("oracle_motion", "-", None, run.truth, run.truth)
    found = run.score(sets=[true], clips=clips)
    assert of(found, "fvd", "oracle_motion", 8)["mean"] == pytest.approx(0, abs=1e-6)


def test_tables_have_the_columns_and_say_what_they_are(more):
    main, samples = make_grid(more, HORIZONS, "run", ""), make_samples_grid(more, HORIZONS, "run")
    heads = [line for line in table_markdown(main).splitlines() if line.startswith("| after")]
    assert all("| LPIPS ↓ |" in head and "| FVD I3D ↓ |" in head for head in heads)
    assert "KVD I3D ↓" in table_markdown(samples)
    for part in (
        "LPIPS: distance of single frames from the true ones in layers of AlexNet",
        "frames enlarged bilinearly to 64 pixels on the shorter side",
        "FVD I3D: lower is better. Frechet distance on 400 features of I3D trained on Kinetics-400 (file of SHA-256 "
        "01234567...) of clips, 4 observed frames and all up to the last horizon",
        "It belongs to the last horizon and is n/a at the others.",
    ):
        assert part in main.caption
    column = [one.name for one in main.metrics].index("fvd")
    for row in main.cells:
        assert [np.isfinite(horizon[column].mean) for horizon in row] == [False, False, True]
    lines = table_csv(more.summary, HORIZONS).splitlines()
    assert len([line for line in lines if ",fvd," in line]) == len(main.labels)


def test_too_few_windows_for_fvd_are_named_in_the_caption(run, clips, monkeypatch):
    monkeypatch.setattr(Network, "__call__", lambda self, clips: np.random.default_rng(0).normal(size=(len(clips), 16)))
    few = run.score(clips=clips)
    assert np.isnan(of(few, "fvd", "gmm", 8)["mean"])
    assert np.isfinite(of(few, "kid_i3d", "gmm", 8)["mean"])
    caption = make_grid(few, HORIZONS, "run", "").caption
    assert "with 16 features it takes at least 17 windows, this run has 16 (rollouts.single_windows)" in caption


def test_rows_are_compared_in_both(more):
    found, _ = compare(more.values, more.replicates, HORIZONS, ("persistence_pixels over flow-20",), 200)
    by_metric = {(one.metric, one.horizon_s): one for one in found}
    assert by_metric["lpips", 0.6].favours == "flow-20"
    assert by_metric["fvd", 1.6].difference.mean > 0
    assert ("fvd", 0.6) not in by_metric


def test_curves_and_the_page_have_them(more, tmp_path):
    metric_curves(tmp_path / "metrics.png", more.summary)
    charts = metric_charts(more.summary)
    assert {"LPIPS, lower is better", "FVD I3D, lower is better", "KVD I3D, lower is better"} <= set(charts)


def test_scored_sets_come_back_as_written(run, lpips, clips, tmp_path):
    scored = score_row(run.sets[:1], run.truth, run.truth, 5.0, EXTRACTORS, HORIZONS, lpips, clips)
    write_scored(tmp_path / "row.safetensors", scored)
    (back,) = read_scored(tmp_path / "row.safetensors")
    assert back.features["fvd"].shape == (16, 1, 6)
    np.testing.assert_array_equal(back.single["lpips"], scored[0].single["lpips"])
