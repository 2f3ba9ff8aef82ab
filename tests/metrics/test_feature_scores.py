"""Scores in features, and distances of distributions of a made-up run, against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
from scored_run import EXTRACTORS, of, part

from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.comparisons import compare
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.scores import RolloutSet
from lamo.report.captions import main_caption
from lamo.report.tables import at_horizons


def test_distances_are_of_the_windows_of_all_seeds_together_in_units_of_the_true_spread(run, scores):
    extract = EXTRACTORS.windows
    # Seed 0 has every second window, seed 1 those between.
    seeds = {one.seed: one.rollouts.frames for one in run.sets if one.label == "flow-20"}
    frames = np.stack([seeds[window % 2][window, 0] for window in range(16)])
    true = extract(run.truth.frames[:, 0][:, [0, 2, 7]].reshape(-1, 12, 16, 3))
    mean, spread = true.mean(axis=0), np.sqrt(true.astype(float).var(axis=0).mean())
    x, y = ((extract(one) - mean) / spread for one in (run.truth.frames[:, 0, 7], frames[:, 7]))
    assert of(scores, "fd_grid", "flow-20", 8)["mean"] == pytest.approx(frechet_distance(x, y), rel=1e-5)
    clips = np.array([window.clip_id for window in run.truth.windows])
    apart = clips[:, None] != clips
    kernels = ((a @ b.T / 6 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within_x, within_y, across = (kernel[apart].mean() for kernel in kernels)
    assert of(scores, "kid_grid", "flow-20", 8)["mean"] == pytest.approx(within_x + within_y - 2 * across, rel=1e-4)
    # The other extractor's features are left as they are.
    extract = EXTRACTORS.other
    x, y = extract(run.truth.frames[:, 0, 7]), extract(frames[:, 7])
    assert of(scores, "fd_world", "flow-20", 8)["mean"] == pytest.approx(frechet_distance(x, y), rel=1e-5)


def test_the_energy_score_of_features_is_the_formula_in_units_of_the_true_spread(run, scores):
    extract = EXTRACTORS.windows
    spread = np.sqrt(extract(run.truth.frames[:, 0][:, [0, 2, 7]].reshape(-1, 12, 16, 3)).var(axis=0).mean())
    energy, distance = [], []
    for one in (one for one in run.sets if one.label == "flow-20"):
        for window in range(16):
            truth = extract(run.truth.frames[window, :, 2])[0]
            a, b = (extract(one.rollouts.frames[window, s : s + 1, 2])[0] for s in range(2))
            error, apart = (np.sqrt(np.square(x - y).mean()) for x, y in ((a, truth), (a, b)))
            other = np.sqrt(np.square(b - truth).mean())
            distance.append((error + other) / 2)
            energy.append((error + other) / 2 - apart / 2)
    assert of(scores, "energy_features", "flow-20", 3)["mean"] == pytest.approx(np.mean(energy) / spread, rel=1e-4)
    assert of(scores, "distance_features", "flow-20", 3)["mean"] == pytest.approx(np.mean(distance) / spread, rel=1e-4)


def test_one_future_that_was_drawn_by_chance_has_no_energy_score(run):
    """Its error lacks half the distance to a second one; that of a method without chance does not."""
    drawn = RolloutSet("gmm", "gmm", 0, part(run.sets[1].rollouts, list(range(16)), 1), run.sets[1].single)
    certain = replace(drawn, sampler="gmm-mean", rollouts=replace(drawn.rollouts, deterministic=True))
    scores = run.score(sets=[drawn, certain])
    for metric, single in (
        ("energy_score", "mse"),
        ("energy_features", "distance_features"),
        ("energy_score_latent", ""),
    ):
        assert np.isnan(of(scores, metric, "gmm", 3)["mean"])
        assert of(scores, metric, "gmm-mean", 3)["mean"] > 0
        if single == "distance_features":
            both = (of(scores, name, "gmm-mean", 3)["mean"] for name in (metric, single))
            assert next(both) == pytest.approx(next(both))
    assert of(scores, "distance_features", "gmm", 3)["mean"] > 0
    found, _ = compare(scores.values, scores.replicates, (0.6,), ("gmm over gmm-mean",), 100)
    differences = {one.metric: one.difference.mean for one in found}
    assert np.isnan(differences["energy_score"])
    assert np.isnan(differences["energy_features"])
    assert differences["psnr"] == 0


def test_without_more_windows_than_features_there_is_no_frechet_distance(run):
    """Six windows for six features; the three of the other extractor are few enough."""
    few = list(range(6))
    single = {one.label: part(one.single, few) for one in run.sets if one.seed is None}
    sets = [replace(one, single=single[one.label]) for one in run.sets if one.seed is None]
    scores = run.score(sets=sets, single_truth=part(run.truth, few))
    assert (scores.windows, scores.single_windows) == (16, 6)
    assert np.isnan(of(scores, "fd_grid", "oracle_motion", 3)["mean"])
    for metric in ("kid_grid", "fd_world", "kid_world"):
        assert np.isfinite(of(scores, metric, "oracle_motion", 3)["mean"])
    assert {one.metric: one.width for one in scores.features} == {"fd_grid": 6, "fd_world": 3}
    assert "with 6 features it takes at least 7 windows, this run has 6" in main_caption(
        at_horizons(scores.summary, (0.6,)), scores, [metric_of("fd_grid")], "a run"
    )
