"""Scoring a made-up run: long form, summary, order, and refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scored_run import EXTRACTORS, of, part

from lamo.errors import LamoError
from lamo.metrics.comparisons import compare
from lamo.metrics.feature_scores import FEATURE_METRICS
from lamo.metrics.pixel import score_frames
from lamo.metrics.rows import horizon_steps, rows_in_order
from lamo.metrics.scored import read_scored, write_scored
from lamo.metrics.scores import score_row


def test_long_form_has_every_value(run, scores):
    table = scores.values.to_pandas()
    assert list(table) == [
        *("method", "sampler", "seed", "clip", "window_start", "at_fork", "sample", "step", "horizon_s"),
        *("metric", "value"),
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
    assert distances[["clip", "seed", "sample"]].isna().all(axis=None)
    assert len(distances) == 3 * 6
    together = table[table.metric.isin(["psnr_best", "energy_score", "energy_features", "energy_score_latent"])]
    assert together["sample"].isna().all()
    assert table[table.metric.isin(["psnr", "mse"])]["sample"].notna().all()
    assert table[table.method == "persistence_pixels"].seed.isna().all()


def test_summary_means_are_those_of_the_long_form(scores):
    values = scores.values.to_pandas().groupby(["method", "sampler", "step", "metric"]).value.mean()
    rows = scores.summary.to_pylist()
    for row in rows:
        if row["metric"] == "skill":
            continue
        expected = values.loc[row["method"], row["sampler"], row["step"], row["metric"]]
        assert row["mean"] == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)
        without = row["metric"] in ("spread", "coverage", "coverage_oracle") and row["n_samples"] == 1
        if without or (row["metric"] in FEATURE_METRICS and row["step"] not in (1, 3, 8)):
            assert np.isnan(row["mean"])
        else:
            assert row["ci_low"] <= row["mean"] <= row["ci_high"]
    one = next(row for row in rows if row["sampler"] == "flow-20")
    assert (one["n_clips"], one["n_samples"], one["n_seeds"]) == (8, 2, 2)
    assert {row["n_seeds"] for row in rows if row["sampler"] == "-"} == {1}


def test_scores_come_back_as_written(run, tmp_path):
    scored = score_row(run.sets[2:4], run.truth, run.truth, 5.0, EXTRACTORS, (0.2, 1.6))
    write_scored(tmp_path / "flow-20.safetensors", scored)
    for one, back in zip(scored, read_scored(tmp_path / "flow-20.safetensors"), strict=True):
        assert (back.method, back.sampler, back.seed, back.windows) == ("flow", "flow-20", one.seed, one.windows)
        for name in ("single", "joint", "features"):
            written, read = getattr(one, name), getattr(back, name)
            assert list(read) == list(written)
            assert all(np.array_equal(read[key], written[key], equal_nan=True) for key in written)
    with pytest.raises(LamoError, match=r"none\.safetensors: cannot be read.*run the scoring of that row again"):
        read_scored(tmp_path / "none.safetensors")
    (tmp_path / "cut").write_bytes((tmp_path / "flow-20.safetensors").read_bytes()[:100])
    with pytest.raises(LamoError, match="cut: cannot be read"):
        read_scored(tmp_path / "cut")


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
    worse = [replace(one, frames=(one.frames // 2).astype(np.uint8)) for one in (bad.rollouts, bad.single)]
    bad = replace(bad, rollouts=worse[0], single=worse[1])
    found = []
    for sets in ([good, bad], [good], [bad]):
        truth = part(run.truth, [run.truth.windows.index(window) for one in sets for window in one.single.windows])
        scores = run.score(sets=sets, single_truth=truth)
        found.append({metric: of(scores, metric, "flow-5", 3) for metric in ("psnr", "energy_score", "kid_grid")})
        assert {row["n_seeds"] for row in found[-1].values()} == {len(sets)}
    for metric in found[0]:
        both, *alone = (one[metric]["ci_high"] - one[metric]["ci_low"] for one in found)
        assert both > 2 * max(alone)


def test_replicates_are_kept_for_comparisons(run, scores):
    table = scores.replicates.to_pandas()
    assert set(table["metric"]) == {"fd_grid", "kid_grid", "fd_world", "kid_world"}
    clips = sorted({window.clip_id for window in run.truth.windows})
    for (_, sampler, _, _), row in table.groupby(["method", "sampler", "step", "metric"]):
        assert row["left_out"].dropna().tolist() == clips
        assert row["seed"].dropna().tolist() == ([0, 1] if sampler in ("flow-5", "flow-20") else [])
    assert len(table) == 4 * 3 * (6 * len(clips) + 2 * 2)


def test_many_clips_are_left_out_in_groups(run, scores):
    few = run.config.bootstrap.model_copy(update={"frechet_groups": 7})  # as 8 clips were many
    found = run.score(config=run.config.model_copy(update={"bootstrap": few}))
    groups = set(found.replicates["left_out"].to_pylist()) - {None}
    assert groups == {f"group {number:04d}" for number in range(7)}
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


def test_single_futures_of_other_windows_are_refused(run):
    with pytest.raises(
        LamoError, match="oracle_motion: found single futures of 15 windows that are not the truth's 16"
    ):
        run.score(sets=[replace(run.sets[-1], single=part(run.sets[-1].single, list(range(15))))])


def test_equal_seeds_are_refused(run):
    with pytest.raises(LamoError, match=r"flow-20: found seeds \[1, 1\]"):
        run.score(sets=[run.sets[2], run.sets[2]])


def test_nothing_to_score_is_refused(run):
    with pytest.raises(LamoError, match="no rollouts"):
        run.score(sets=[])


def of_row(scores, label):
    """The lines of a row: of its summary, and of its distances with a clip left out."""
    summary, replicates = scores.summary.to_pandas(), scores.replicates.to_pandas()
    kept = [table[(table["method"] == label) | (table["sampler"] == label)] for table in (summary, replicates)]
    return [table.sort_values(["step", "metric"], kind="stable").reset_index(drop=True) for table in kept]


def test_a_row_scores_alone_as_among_all_others(run, scores):
    """So can a row be added to a finished run whose other rows are not computed again."""
    reference, _, *_ = run.sets
    for label in ("decoder_ceiling", "flow-20"):
        own = [one for one in run.sets if one.label == label]
        alone = run.score(sets=[*own, reference])
        for ours, theirs in zip(of_row(alone, label), of_row(scores, label), strict=True):
            assert len(ours)
            # Where others have several seeds, the sums of a distance are taken in another order.
            pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=0)


def test_a_row_without_single_futures_has_no_distances(run, scores):
    sets = [replace(one, single=None) if one.label == "decoder_ceiling" else one for one in run.sets]
    found = run.score(sets=sets)
    for name in ("flow-20", "gmm", "persistence_pixels"):
        for ours, theirs in zip(of_row(found, name), of_row(scores, name), strict=True):
            pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    (ours, none), (theirs, _) = of_row(found, "decoder_ceiling"), of_row(scores, "decoder_ceiling")
    of_sets = theirs["metric"].str.startswith(("fd_", "kid_"))
    assert of_sets.any()
    assert none.empty
    pd.testing.assert_frame_equal(ours, theirs[~of_sets].reset_index(drop=True), check_exact=True)
    nothing = run.score(sets=[replace(one, single=None) for one in run.sets])
    assert not nothing.summary.to_pandas()["metric"].str.startswith(("fd_", "kid_")).any()
    assert nothing.replicates.num_rows == 0
    assert nothing.single_windows == 16
