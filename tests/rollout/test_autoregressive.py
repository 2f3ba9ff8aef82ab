"""Rollouts of predictors in a models with known dynamics."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_predictors import changed, predictors, sampler

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor
from lamo.predictors.interface import Context, Geometry, Predictor
from lamo.predictors.randomness import normal
from lamo.rollout.autoregressive import roll_out
from lamo.rollout.controls import roll_out_control, true_frames
from lamo.rollout.windows import choose_windows
from lamo.stores.rollouts import Window


class Straight(Predictor):
    """Continues the last motion, or the last change of state, plus noise of the given size; records its contexts."""

    def __init__(self, predicts: str, noise: float = 0.0, history: int = 3) -> None:
        super().__init__(Geometry(history, 1, 4, 3, (2, 2), 3))
        self.predicts = predicts
        self.noise = noise
        self.contexts: list[Context] = []

    def loss(self, context, target, generator):
        raise NotImplementedError

    def sample(self, context, sampler, generator):
        self.contexts.append(context)
        if self.predicts == "motion":
            value = context.motion[:, -1]
        else:
            value = 2 * context.states[:, -1] - context.states[:, -2]
        return value + self.noise * normal(tuple(value.shape), generator, value)


SAMPLER = {"motion": sampler("flow-1"), "state": sampler("state-1")}


@pytest.mark.parametrize("predicts", ["motion", "state"])
def test_the_right_predictor_rolls_out_the_truth(predicts, models, linear_clips, plan):
    windows = choose_windows(linear_clips.lengths(), plan.length, 2, 3)
    rollouts = roll_out(models, Straight(predicts), SAMPLER[predicts], linear_clips, windows, plan)
    truth = true_frames(linear_clips, windows, plan)
    assert rollouts.frames.shape == (len(windows), 2, 8, 8, 8, 3)
    for sample in range(2):
        np.testing.assert_array_equal(rollouts.frames[:, sample], truth.frames[:, 0])
    np.testing.assert_allclose(rollouts.drift, 1.0, atol=1e-4)
    assert rollouts.windows == windows


@pytest.mark.parametrize("predicts", ["motion", "state"])
def test_the_window_slides_over_what_was_predicted(predicts, models, random_clips, windows, plan):
    predictor = Straight(predicts)
    roll_out(models, predictor, SAMPLER[predicts], random_clips, windows[:2], replace(plan, samples=1))
    assert len(predictor.contexts) == plan.steps
    for before, after in zip(predictor.contexts, predictor.contexts[1:], strict=False):
        assert torch.equal(after.states[:, :-1], before.states[:, 1:])
        if predicts == "motion":
            assert torch.equal(after.motion[:, :-1], before.motion[:, 1:])
            moved = models.statistics.restore_state(after.states[:, -1]) - models.statistics.restore_state(
                before.states[:, -1]
            )
            torch.testing.assert_close(moved, models.statistics.restore_motion(after.motion[:, -1])[:, 0])


def real_predictor(name: str) -> Predictor:
    torch.manual_seed(0)
    config = predictors({}, backbone={"depth": 1, "width": 16, "heads": 2})
    predictor = build_predictor(config.of(name), Geometry(3, 1, 4, 3, (2, 2), 3))
    with torch.no_grad():
        for parameter in predictor.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return predictor.eval()


REAL = [("flow", "flow-3"), ("gmm", "gmm"), ("gmm", "gmm-mean"), ("state", "state-3")]


@pytest.mark.parametrize(("name", "label"), REAL)
def test_rollouts_are_reproducible_and_do_not_depend_on_the_batches(name, label, models, random_clips, windows, plan):
    predictor, used = real_predictor(name), sampler(label)
    first, again = (roll_out(models, predictor, used, random_clips, windows, plan) for _ in range(2))
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.drift, again.drift)
    whole = roll_out(models, predictor, used, random_clips, windows, replace(plan, batch=100))
    single = roll_out(models, predictor, used, random_clips, windows[::-1], replace(plan, batch=1))
    for other in (whole.frames, single.frames[::-1]):
        # Products of matrices of another size round differently: one grey value at most.
        assert np.abs(first.frames.astype(int) - other).max() <= 1
    np.testing.assert_allclose(whole.drift, first.drift, rtol=1e-3)


@pytest.mark.parametrize(("name", "label"), REAL)
def test_seed_and_sample_change_the_future(name, label, models, random_clips, windows, plan):
    predictor, used = real_predictor(name), sampler(label)
    first = roll_out(models, predictor, used, random_clips, windows, plan)
    other = roll_out(models, predictor, used, random_clips, windows, replace(plan, seed=8))
    assert first.frames.shape[1] == (1 if used.deterministic else plan.samples)
    assert np.array_equal(first.frames, other.frames) == used.deterministic
    if not used.deterministic:
        assert not np.array_equal(first.frames[:, 0], first.frames[:, 1])


def test_a_longer_rollout_begins_like_a_shorter_one(models, random_clips, plan):
    windows = [Window("a", 0), Window("b", 4)]
    predictor, used = real_predictor("flow"), sampler("flow-2")
    long = roll_out(models, predictor, used, random_clips, windows, plan)
    short = roll_out(models, predictor, used, random_clips, windows, replace(plan, steps=3))
    np.testing.assert_array_equal(long.frames[:, :, :3], short.frames)


def test_drift_is_the_ratio_of_norms(models, random_clips, windows, plan):
    rollouts = roll_out_control("persistence_latent", models, random_clips, windows, plan)
    truth = true_frames(random_clips, windows, plan).frames[:, 0]
    last = random_clips.read(windows, plan.history, plan.history + 1)

    def norm(frames):
        state = (frames[..., ::4, ::4, :] / 255.0 - 0.5) / [0.1, 0.2, 0.3]
        return np.sqrt(np.square(state).mean(axis=(-3, -2, -1)))

    np.testing.assert_allclose(rollouts.drift[:, 0], norm(last) / norm(truth), rtol=1e-4)


@pytest.mark.parametrize("predicts", ["motion", "state"])
@pytest.mark.parametrize("samples", [1, 3])
def test_error_and_spread_of_states_are_those_of_frames_that_show_them(predicts, samples, models, linear_clips, plan):
    """The decoder of this models paints the state, so that states can be read from the frames, to 8 bits."""
    plan = replace(plan, samples=samples, steps=4)
    windows = choose_windows(linear_clips.lengths(), plan.length, 2, 3)
    rollouts = roll_out(models, Straight(predicts, 0.01), SAMPLER[predicts], linear_clips, windows, plan)
    assert 0 < rollouts.frames.min() < rollouts.frames.max() < 255  # nothing was cut off

    def states(frames):
        return (frames[..., ::4, ::4, :] / 255.0 - 0.5) / [0.1, 0.2, 0.3]

    def norm(difference):
        return np.sqrt(np.square(difference).mean((-3, -2, -1)))

    seen, truth = states(rollouts.frames), states(true_frames(linear_clips, windows, plan).frames)
    np.testing.assert_allclose(rollouts.latent_error, norm(seen - truth), atol=0.02)
    assert (rollouts.latent_error > 0).all()
    if samples == 1:
        assert np.isnan(rollouts.latent_spread).all()
    else:
        pairs = [norm(seen[:, a] - seen[:, b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(rollouts.latent_spread, np.mean(pairs, axis=0), atol=0.02)
        assert (rollouts.latent_spread > 0).all()


def test_each_window_is_encoded_once(models, random_clips, windows, plan):
    roll_out(models, real_predictor("flow"), sampler("flow-2"), random_clips, windows, plan)
    assert models.dynamics.encoded == len(windows) * plan.length


def test_divergence_and_a_foreign_sampler_are_errors(models, random_clips, windows, plan):
    with pytest.raises(LamoError, match=r"flow-1: the state at step 1 of the window at frame .* is not\s+finite"):
        roll_out(models, Straight("motion", noise=float("nan")), SAMPLER["motion"], random_clips, windows, plan)
    with pytest.raises(LamoError, match="sampler gmm: found a GmmSampler, expected a FlowSampler"):
        roll_out(models, real_predictor("flow"), sampler("gmm"), random_clips, windows, plan)


@pytest.mark.parametrize("predicts", ["motion", "state"])
def test_a_predictor_of_a_shorter_history_sees_the_end_of_the_context(predicts, models, random_clips, windows, plan):
    whole, short = Straight(predicts), Straight(predicts, history=1)
    for predictor in (whole, short):
        roll_out(models, predictor, SAMPLER[predicts], random_clips, windows[:2], replace(plan, samples=1))
    seen, context = short.contexts[0], whole.contexts[0]
    assert torch.equal(seen.motion, context.motion[:, -1:])
    assert torch.equal(seen.states, context.states[:, -2:])
    with pytest.raises(LamoError, match="the predictor reads 5 motion tokens, the windows hold 3"):
        roll_out(models, Straight(predicts, history=5), SAMPLER[predicts], random_clips, windows[:2], plan)


def test_without_history(models, random_clips, plan):
    plan = replace(plan, history=0)
    config = predictors({"gmm": {"guess": "none"}, "flow": {"guess": "none"}}, history=0)
    small = changed(config, "flow", backbone={"depth": 1, "width": 16, "heads": 2})
    predictor = build_predictor(small, Geometry(0, 1, 4, 3, (2, 2), 3)).eval()
    rollouts = roll_out(models, predictor, sampler("flow-2"), random_clips, [Window("a", 0)], plan)
    assert rollouts.frames.shape == (1, 2, 8, 8, 8, 3)
