"""Controls in a models with known dynamics."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamo.errors import LamoError
from lamo.images import psnr, to_unit
from lamo.rollout.blur import CAP_DB, fit_blur
from lamo.rollout.controls import CONTROLS, context_frames, roll_out_control, shuffle_partners, true_frames
from lamo.rollout.windows import choose_windows
from lamo.stores.rollouts import Window, read_rollouts, write_rollouts


def frame_psnr(predicted, truth):
    """PSNR in dB of frames [..., H, W, 3]: [...]."""
    images = (to_unit(np.ascontiguousarray(frames)).flatten(0, -4) for frames in (predicted, truth))
    return psnr(*images, CAP_DB).reshape(predicted.shape[:-3]).numpy()


@pytest.mark.parametrize("name", CONTROLS)
def test_all_controls_give_one_future_per_window(name, models, random_clips, windows, plan, tmp_path):
    rollouts = roll_out_control(name, models, random_clips, windows, plan, sigmas=[1.0] * 8)
    assert rollouts.frames.shape == (len(windows), 1, 8, 8, 8, 3)
    assert rollouts.frames.dtype == np.uint8
    assert rollouts.drift.shape == (len(windows), 1, 8)
    without_state = name in ("persistence_pixels", "persistence_blurred")
    assert rollouts.latent_error.shape == rollouts.drift.shape
    for values in (rollouts.drift, rollouts.latent_error):
        assert np.isnan(values).all() if without_state else np.isfinite(values).all()
    assert rollouts.latent_spread.shape == (len(windows), 8)
    assert np.isnan(rollouts.latent_spread).all()  # one sample has no pairs
    write_rollouts(tmp_path / "r.zarr", tmp_path / "r.manifest.json", rollouts)
    read = read_rollouts(tmp_path / "r.zarr", tmp_path / "r.manifest.json")
    np.testing.assert_array_equal(read.frames, rollouts.frames)
    assert read.windows == windows


@pytest.mark.parametrize("name", ["oracle_motion", "decoder_ceiling"])
def test_oracle_and_ceiling_are_the_truth_where_the_models_are_perfect(name, models, random_clips, windows, plan):
    rollouts = roll_out_control(name, models, random_clips, windows, plan)
    np.testing.assert_array_equal(rollouts.frames, true_frames(random_clips, windows, plan).frames)
    np.testing.assert_allclose(rollouts.drift, 1.0, rtol=1e-3)
    np.testing.assert_allclose(rollouts.latent_error, 0.0, atol=1e-3)


def test_shuffled_motion_is_far_from_the_truth_and_comes_from_the_partner(models, random_clips, windows, plan):
    rollouts = roll_out_control("shuffled_motion", models, random_clips, windows, plan)
    truth = true_frames(random_clips, windows, plan).frames
    assert (frame_psnr(rollouts.frames, truth) < 20).all()
    partners = shuffle_partners(windows, plan.seed)
    frames = random_clips.read(windows, 3, 12).astype(float)
    other = random_clips.read([partners[w] for w in windows], 3, 12).astype(float)
    expected = np.clip(frames[:, :1] + other[:, 1:] - other[:, :1], 0, 255)
    np.testing.assert_allclose(rollouts.frames[:, 0], expected, atol=1)


def test_constant_motion_is_exact_for_constant_motion_only(models, linear_clips, random_clips, windows, plan):
    linear = choose_windows(linear_clips.lengths(), plan.length, 2, 3)
    exact = roll_out_control("constant_motion", models, linear_clips, linear, plan)
    np.testing.assert_array_equal(exact.frames, true_frames(linear_clips, linear, plan).frames)
    wrong = roll_out_control("constant_motion", models, random_clips, windows, plan)
    assert not np.array_equal(wrong.frames, true_frames(random_clips, windows, plan).frames)
    with pytest.raises(LamoError, match=r"predictors\.history is 0"):
        roll_out_control("constant_motion", models, random_clips, windows, replace(plan, history=0))


def test_persistence_repeats_the_last_observed_frame(models, random_clips, windows, plan):
    last = np.broadcast_to(random_clips.read(windows, 3, 4)[:, None], (len(windows), 1, 8, 8, 8, 3))
    for name in ("persistence_pixels", "persistence_latent"):
        np.testing.assert_array_equal(roll_out_control(name, models, random_clips, windows, plan).frames, last)
    unblurred = roll_out_control("persistence_blurred", models, random_clips, windows, plan, sigmas=[0.0] * 8)
    np.testing.assert_array_equal(unblurred.frames, last)


def test_truth_and_context_join_into_the_window(random_clips, windows, plan):
    context, truth = context_frames(random_clips, windows, plan), true_frames(random_clips, windows, plan)
    joined = np.concatenate([context.frames, truth.frames], axis=2)
    np.testing.assert_array_equal(joined[:, 0], random_clips.read(windows, 0, 12))


@given(counts=st.lists(st.integers(1, 4), min_size=2, max_size=8), seed=st.integers(0, 99))
def test_partners_are_of_another_clip_and_each_clip_is_used(counts, seed):
    windows = [Window(f"clip{i}", start) for i, count in enumerate(counts) for start in range(count)]
    partners = shuffle_partners(windows, seed)
    assert set(partners) == set(windows)
    assert all(window.clip_id != partner.clip_id for window, partner in partners.items())
    assert {partner.clip_id for partner in partners.values()} == {window.clip_id for window in windows}
    assert partners == shuffle_partners(windows[::-1], seed)


def test_partners_within_one_clip_are_far_apart_and_announced(caplog):
    windows = [Window("only", start) for start in (0, 5, 20)]
    with caplog.at_level(logging.WARNING):
        partners = shuffle_partners(windows, 0)
    assert "one clip only" in caplog.text
    assert [partners[w].start for w in windows] == [20, 20, 0]
    with pytest.raises(LamoError, match="found 1 window"):
        shuffle_partners(windows[:1], 0)


def test_an_unknown_control_is_refused(models, random_clips, windows, plan):
    with pytest.raises(LamoError, match="control 'magic' is not known"):
        roll_out_control("magic", models, random_clips, windows, plan)


def test_blurred_persistence_is_never_worse_than_persistence_on_its_fitting_set(models, random_clips, windows, plan):
    sigmas = fit_blur(random_clips, windows, plan.history, plan.steps, (0.0, 0.5, 1.0, 2.0, 4.0), batch=2)
    truth = true_frames(random_clips, windows, plan).frames
    blurred = roll_out_control("persistence_blurred", models, random_clips, windows, plan, sigmas=sigmas).frames
    plain = roll_out_control("persistence_pixels", models, random_clips, windows, plan).frames
    gain = frame_psnr(blurred, truth).mean(axis=(0, 1)) - frame_psnr(plain, truth).mean(axis=(0, 1))
    assert (gain >= 0).all()
    assert (gain > 0.5).any(), "unrelated colours gain by blur"


def test_nothing_is_blurred_where_nothing_moves(still_clips):
    assert fit_blur(still_clips, [Window("still", 0)], 3, 8, (1.0, 0.0, 2.0)) == [0.0] * 8
