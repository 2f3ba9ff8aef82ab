"""Scoring a made-up run: long form, summary, order, and refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lamo.errors import LamoError
from lamo.metrics.comparisons import compare
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.pixel import score_frames
from lamo.metrics.rows import horizon_steps, rows_in_order


def test_long_form_has_every_value(run, scores):
    table = scores.values.to_pandas()
    assert list(table) == [
        *["method", "sampler", "seed", "clip", "window_start", "sample", "step", "horizon_s", "metric", "value"]
    ]
    learned = table[(table.sampler == "flow-20") & (table.seed == 1) & (table.metric == "psnr")]
    assert len(learned) == 16 * 2 * 8
    expected = score_frames(run.sets[2].rollouts.frames, run.truth.frames)["psnr"]
    one = learned[
        (learned["clip"] == "clip-2") & (learned.window_start == 5) & (learned["sample"] == 1) & (learned.step == 3)
    ]
    assert one.value.item() == pytest.approx(float(expected[5, 1, 2]))
    assert one.horizon_s.item() == 0.6
    distances = table[table.metric == "fd_grid"]
    assert distances["clip"].isna().all()
    assert len(distances) == 3 * (3 + 2 + 2 * 4)
    together = table[table.metric.isin(["psnr_best", "energy_score", "energy_score_latent", "fd_grid_inf"])]
    assert together["sample"].isna().all()
    assert table[table.metric.isin(["psnr", "mse", "kid_grid"])]["sample"].notna().all()
    assert table[table.method == "persistence_pixels"].seed.isna().all()


def test_summary_means_are_those_of_the_long_form(scores):
    values = scores.values.to_pandas().groupby(["method", "sampler", "step", "metric"]).value.mean()
    rows = scores.summary.to_pylist()
    for row in rows:
        if row["metric"] == "skill":
            continue
        expected = values.loc[row["method"], row["sampler"], row["step"], row["metric"]]
        assert row["mean"] == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)
        if row["metric"] in ("spread", "coverage") and row["n_samples"] == 1:
            assert np.isnan(row["mean"])
        else:
            assert row["ci_low"] <= row["mean"] <= row["ci_high"]
    one = next(row for row in rows if row["sampler"] == "flow-20")
    assert (one["n_clips"], one["n_samples"], one["n_seeds"]) == (8, 2, 2)
    assert {row["n_seeds"] for row in rows if row["sampler"] == "-"} == {1}


def test_frechet_distance_is_the_mean_over_samples_and_seeds(run, scores):
    extract = run.extractor
    target = extract(run.truth.frames[:, 0, 7])
    sets = [extract(one.rollouts.frames[:, s, 7]) for one in run.sets[2:4] for s in range(2)]
    row = next(
        r for r in scores.summary.to_pylist() if (r["sampler"], r["step"], r["metric"]) == ("flow-20", 8, "fd_grid")
    )
    assert row["mean"] == pytest.approx(np.mean([frechet_distance(target, one) for one in sets]))


def of(scores, metric: str, sampler: str, step: int) -> dict:
    """The line of a summary; `sampler` may be a control."""
    rows = [r for r in scores.summary.to_pylist() if (r["metric"], r["step"]) == (metric, step)]
    return next(r for r in rows if sampler in (r["sampler"], r["method"]))


def test_skill_is_a_ratio_of_means_not_a_mean_of_ratios(run, scores):
    def error(label, step):
        frames = np.stack([one.rollouts.frames[:, :, step - 1] for one in run.sets if one.label == label])
        return np.square((frames.astype(float) - run.truth.frames[None, :, :, step - 1]) / 255).mean()

    for label in ("flow-20", "gmm", "decoder_ceiling"):
        expected = 1 - error(label, 5) / error("persistence_pixels", 5)
        assert of(scores, "skill", label, 5)["mean"] == pytest.approx(expected, rel=1e-5)
    still = of(scores, "skill", "persistence_pixels", 5)
    assert (still["mean"], still["ci_low"], still["ci_high"]) == (0.0, 0.0, 0.0)
    assert "skill" not in run.score(sets=run.sets[1:]).summary["metric"].to_pylist()


def test_scores_of_one_sample_alone_are_those_of_its_best_and_mean(scores):
    for step in (1, 8):
        for metric in ("psnr", "ssim"):
            for label in ("persistence_pixels", "oracle_motion"):
                single = of(scores, metric, label, step)["mean"]
                assert of(scores, f"{metric}_best", label, step)["mean"] == pytest.approx(single)
                assert of(scores, f"{metric}_mean", label, step)["mean"] == pytest.approx(single, rel=1e-6)
            assert of(scores, f"{metric}_best", "flow-20", step)["mean"] > of(scores, metric, "flow-20", step)["mean"]


def test_latent_scores_are_there_where_there_are_latent_states(scores):
    assert of(scores, "energy_score_latent", "flow-20", 3)["mean"] == pytest.approx(0.5 - 0.4 / 2)
    assert of(scores, "spread_latent", "gmm", 3)["mean"] == pytest.approx(0.4 * 1.1)
    labels = {r["method"] for r in scores.summary.to_pylist() if r["metric"] == "energy_score_latent"}
    assert labels == {"flow", "gmm"}


def test_likelihoods_are_there_where_there_are_densities(scores):
    rows = [row for row in scores.summary.to_pylist() if row["metric"].startswith("nll_")]
    assert {(row["metric"], row["sampler"]) for row in rows} == {
        ("nll_motion", "flow-20"), ("nll_motion", "flow-5"), ("nll_state", "gmm"),
    }  # fmt: skip
    # As tests/scored_run.py makes them: from 0 to the noise, evenly over windows and steps.
    assert np.mean([row["mean"] for row in rows if row["sampler"] == "flow-5"]) == pytest.approx(3.0)


def test_intervals_of_several_seeds_hold_what_seeds_change(run):
    """Two seeds of which one is far worse: the interval must be far wider than that of either alone."""
    good, bad = (one for one in run.sets if one.label == "flow-5")
    worse = (bad.rollouts.frames // 2).astype(np.uint8)
    bad = replace(bad, rollouts=replace(bad.rollouts, frames=worse))
    for metric in ("psnr", "energy_score", "fd_grid", "skill"):
        widths = []
        for sets in ([good, bad], [good], [bad]):
            row = of(run.score(sets=[run.sets[0], *sets]), metric, "flow-5", 3)
            assert row["n_seeds"] == len(sets)
            widths.append(row["ci_high"] - row["ci_low"])
        assert widths[0] > 2 * max(widths[1:])


def test_replicates_are_kept_for_comparisons(run, scores):
    table = scores.replicates.to_pandas()
    assert set(table["metric"]) == {"fd_grid"}
    clips = sorted({window.clip_id for window in run.truth.windows})
    for _, row in table.groupby(["method", "sampler", "step"]):
        assert row["left_out"].tolist() == clips
    assert len(table) == 6 * 3 * len(clips)


def test_many_clips_are_left_out_in_groups(run, scores):
    few = run.config.bootstrap.model_copy(update={"frechet_groups": 7})  # as 8 clips were many
    found = run.score(config=run.config.model_copy(update={"bootstrap": few}))
    assert set(found.replicates["left_out"].to_pylist()) == {f"group {number:04d}" for number in range(7)}
    row, before = (of(one, "fd_grid", "flow-20", 3) for one in (found, scores))
    assert (row["n_clips"], row["mean"]) == (8, before["mean"])
    assert 0.3 < (row["ci_high"] - row["ci_low"]) / (before["ci_high"] - before["ci_low"]) < 3
    differences, _ = compare(found.values, found.replicates, (0.6,), ("flow-20 over flow-5",), 200)
    (distance,) = (one for one in differences if one.metric == "fd_grid")
    assert (distance.clips, np.isfinite(distance.difference.low)) == (8, True)


def test_rows_stand_in_order(scores):
    labels = list(dict.fromkeys((row["method"], row["sampler"]) for row in scores.summary.to_pylist()))
    assert [b if b != "-" else a for a, b in labels] == (
        ["decoder_ceiling", "oracle_motion", "gmm", "flow-20", "flow-5", "persistence_pixels"]
    )


def test_learned_rows_keep_their_order_between_the_ceilings_and_the_other_controls():
    given = [
        ("persistence_latent", "-"),
        ("state", "state-20"),
        ("elsewhere", "-"),
        ("flow", "flow-50"),
        ("flow", "flow-5"),
        ("constant_motion", "-"),
        ("oracle_motion", "-"),
        ("flow", "flow-50"),
    ]
    assert rows_in_order(given) == [
        ("oracle_motion", "-"),
        ("state", "state-20"),
        ("flow", "flow-50"),
        ("flow", "flow-5"),
        ("constant_motion", "-"),
        ("persistence_latent", "-"),
        ("elsewhere", "-"),
    ]


def test_drift_is_kept_where_there_is_one(scores):
    drift = {row["sampler"]: row["mean"] for row in scores.summary.to_pylist() if row["metric"] == "drift"}
    assert drift == pytest.approx({"flow-5": 1.0, "flow-20": 1.0, "gmm": 1.1})


def test_order_of_stores_changes_the_order_of_learned_rows_and_nothing_else(run, scores):
    keys = ["method", "sampler", "step", "metric"]
    tables = (run.score(sets=run.sets[::-1]).summary, scores.summary)
    ours, expected = (table.to_pandas().sort_values(keys, ignore_index=True) for table in tables)
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)


def test_horizons_become_steps():
    assert horizon_steps([0.2, 0.6, 1.6], 5.0, 8) == [1, 3, 8]
    for horizon in (1.8, 0.0, 0.3):
        with pytest.raises(LamoError, match=rf"found {horizon:g} s, expected multiples of 0.2 s up to 1.6 s"):
            horizon_steps([horizon], 5.0, 8)


def test_other_windows_are_refused(run):
    other = replace(run.sets[0].rollouts, windows=run.truth.windows[::-1])
    with pytest.raises(LamoError, match="persistence_pixels"):
        run.score(sets=[replace(run.sets[0], rollouts=other)])


def test_equal_seeds_are_refused(run):
    with pytest.raises(LamoError, match=r"flow-20: found seeds \[1, 1\]"):
        run.score(sets=[run.sets[2], run.sets[2]])


def test_nothing_to_score_is_refused(run):
    with pytest.raises(LamoError, match="no rollouts"):
        run.score(sets=[])
