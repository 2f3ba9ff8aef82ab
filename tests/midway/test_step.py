"""The step that a rollout repeats: what it returns, and the way back onto the manifold of true states."""

import pytest
import torch

LEVELS = 3


def assert_true_features(model, features):
    plain = (features - model.teacher.norm.bias) / model.teacher.norm.weight
    mean = plain.mean(-1)
    variance = plain.var(-1, correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-4)
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-3, atol=1e-3)


def test_steps_stay_on_the_outputs_of_the_encoders_norm_and_hold_the_top(model, states):
    z = states[0]
    motion = model.inverse(*states)
    for _ in range(4):
        following = model.step(z, motion)
        assert len(following) == LEVELS + 1
        assert following[-1] is z[-1]
        assert not any(torch.equal(a, b) for a, b in zip(following[:-1], z[:-1], strict=True))
        for level in following[:-1]:
            assert_true_features(model, level)
        z = following


def test_a_step_is_the_projected_prediction(model, states):
    motion = model.inverse(*states)
    predictions = model.predict(states[0], motion)
    for level, prediction in zip(model.step(states[0], motion), predictions, strict=False):
        assert torch.equal(level, model.project(prediction))
        assert not torch.allclose(level, prediction, atol=1e-2)


def test_true_states_are_unchanged_by_the_projection(model):
    for level in model.encode(torch.randn(2, 3, 16, 24), "teacher"):
        torch.testing.assert_close(model.project(level), level, rtol=1e-3, atol=1e-3)


def test_channels_that_the_norm_switches_off_stay_finite(model, states):
    with torch.no_grad():
        model.teacher.norm.weight[0] = 0.0
    assert all(level.isfinite().all() for level in model.step(states[0], model.inverse(*states)))


def test_levels_advance_by_themselves_where_nothing_ties_them(make_midway, states):
    model = make_midway("compact")
    z = states[0]
    motion = model.inverse(*states)
    following = model.step(z, motion)
    for level in range(LEVELS):
        torch.testing.assert_close(model.advance(level, z[level], motion[:, level]), following[level])


@pytest.mark.parametrize("only", [(0,), (1,), (0, 2), (3,)])
def test_asking_for_some_levels_changes_none_of_them(model, states, only):
    motion = model.inverse(*states)
    whole = model.step(states[0], motion)
    found = model.step(states[0], motion, only=only)
    for level in only:
        torch.testing.assert_close(found[level], whole[level])


def test_only_with_laterals_does_the_top_level_reach_the_finest(model, states):
    motion = model.inverse(*states)
    one = states[0]
    other = (*states[0][:-1], states[1][-1])
    assert torch.equal(model.step(one, motion)[0], model.step(other, motion)[0]) == (not model.form.laterals)
