"""The closed recurrence: what a step returns, and the way back onto the manifold of true states."""

import pytest
import torch
from torch import nn

from lamo.midway.recurrence import project, true_scale

LEVELS, WIDTH = 3, 16


def same(one, two) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def assert_true_features(model, features):
    plain = (features - model.teacher.norm.bias) / model.teacher.norm.weight
    mean, variance = plain.mean(-1), plain.var(-1, correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-4)
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("projection", ["norm", "scale"])
def test_steps_stay_on_the_outputs_of_the_encoders_norm_and_hold_the_top(make_midway, form, states, projection):
    model = make_midway(form, recurrence={"projection": projection})
    z, motion = states[0], model.inverse(*states)
    for _ in range(4):
        following = model.step(z, motion)
        assert len(following) == LEVELS + 1
        assert following[-1] is z[-1]
        assert not any(torch.equal(a, b) for a, b in zip(following[:-1], z[:-1], strict=True))
        for level in following[:-1]:
            assert_true_features(model, level)
        z = following


@pytest.mark.parametrize("projection", ["none", "norm", "scale"])
def test_true_states_are_unchanged_by_the_projection(make_midway, form, projection):
    model = make_midway(form, recurrence={"projection": projection})
    for level in model.encode(torch.randn(2, 3, 16, 24), "teacher"):
        torch.testing.assert_close(model.project(level), level, rtol=1e-3, atol=1e-3)


def test_levels_advance_by_themselves_where_nothing_ties_them(make_midway, states):
    model, z = make_midway("compact"), states[0]
    motion = model.inverse(*states)
    following = model.step(z, motion)
    for level in range(LEVELS):
        torch.testing.assert_close(model.advance(level, z[level], motion[:, level]), following[level])


def test_without_projection_a_step_is_the_prediction(make_midway, form, states):
    model = make_midway(form, recurrence={"projection": "none"})
    motion = model.inverse(*states)
    assert same(model.step(states[0], motion), (*model.predict(states[0], motion), states[0][-1]))


# --- the scale that the cosine distance leaves open ---


def a_norm(bias: float) -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH, eps=1e-6)
    with torch.no_grad():
        norm.weight.copy_(0.5 + torch.rand(WIDTH))
        norm.bias.copy_(bias * torch.randn(WIDTH))
    return norm.requires_grad_(False)


@pytest.mark.parametrize("bias", [0.2, 0.8])
def test_the_scale_of_true_features_is_found_whatever_factor_they_are_given(bias):
    norm = a_norm(bias)
    features = norm(torch.randn(5, 7, WIDTH))
    for factor in (0.1, 1.0, 30.0):
        found = true_scale(factor * features, norm)
        torch.testing.assert_close(found, torch.full((5, 7, 1), 1 / factor), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(project(factor * features, norm, "scale"), features, rtol=1e-3, atol=1e-3)
    # Without it a factor turns the direction of what is projected.
    assert (project(30.0 * features, norm, "norm") - features).abs().max() > 0.1


def test_scaled_predictions_have_mean_square_one():
    norm = a_norm(0.5)
    prediction = torch.randn(9, WIDTH)
    plain = (true_scale(prediction, norm) * prediction - norm.bias) / norm.weight
    torch.testing.assert_close(plain.square().mean(-1), torch.ones(9), rtol=1e-4, atol=1e-4)


def test_where_no_scale_gives_mean_square_one_the_nearest_does():
    norm = a_norm(0.0)
    with torch.no_grad():
        norm.weight.fill_(1.0)
        norm.bias.zero_()[0] = 4.0 * WIDTH**0.5  # (a p - b) / w can reach 0 only along the bias
    prediction = torch.zeros(2, WIDTH)
    prediction[0, :2] = torch.tensor([1.0, 1.0])  # half along the bias: nearest at a = b / 2
    prediction[1, :2] = torch.tensor([-1.0, 1.0])  # away from it: the mean square only grows with a
    expected = torch.tensor([[2.0 * WIDTH**0.5], [1.0]])
    torch.testing.assert_close(true_scale(prediction, norm), expected, rtol=1e-3, atol=1e-3)
    assert project(prediction, norm, "scale").isfinite().all()
    assert true_scale(torch.zeros(1, WIDTH), norm).isfinite().all()


# --- the top level ---


def test_a_predicted_top_advances_under_the_motion_of_the_level_below(make_midway, form, states):
    model = make_midway(form, recurrence={"top": "predicted"})
    z, motion = states[0], model.inverse(*states)
    following = model.step(z, motion)
    assert len(following) == LEVELS + 1
    assert_true_features(model, following[-1])
    other = motion.clone()
    other[:, -1] = torch.randn_like(other[:, -1])
    assert not torch.equal(model.step(z, other)[-1], following[-1])
    other = motion.clone()
    other[:, 0] = torch.randn_like(other[:, 0])
    assert torch.equal(model.step(z, other)[-1], following[-1])
    assert all(level.isfinite().all() for level in model.step(following, motion))


def with_true_scale(model, images):
    """The model with the scale that the tokens of these images have on average, all of nearly equal scale."""
    streams = []
    hook = model.teacher.norm.register_forward_pre_hook(lambda _, inputs: streams.append(inputs[0]))
    model.encode(images, "teacher")
    hook.remove()
    with torch.no_grad():
        model.stream_scale.weight.zero_()
        model.stream_scale.bias.fill_(streams[0].std(-1, correction=0).log().mean())
    return model


def test_upper_levels_are_those_of_the_remaining_blocks(make_midway, form):
    model = make_midway(form, recurrence={"top": "recomputed"}, encoder={"levels": [1, 2, 3]})
    image = torch.randn(1, 3, 16, 24)
    z = model.encode(image, "teacher")
    errors = []
    for bias in (-3.0, None, 3.0):
        with_true_scale(model, image)
        if bias is not None:
            model.stream_scale.bias.data.add_(bias)
        found = model.recompute(z[0])
        assert found[0] is z[0]
        assert len(found) == 3
        for level in found[1:]:
            assert_true_features(model, level)
        errors.append(max(float((a - b).square().mean()) for a, b in zip(found, z, strict=True)))
    # At the right scale they nearly are the true ones; the rest is the difference between tokens.
    assert errors[1] < 0.1 * min(errors[0], errors[2])


@pytest.mark.parametrize("laterals", [True, False])
def test_a_step_recomputes_every_upper_level_from_the_predicted_finest(make_midway, states, laterals):
    model = make_midway("compact", forward={"laterals": laterals, "lateral_heads": 4}, recurrence={"top": "recomputed"})
    z, motion = states[0], model.inverse(*states)
    following = model.step(z, motion)
    finest = model.project(model.predict(z, motion)[0])
    torch.testing.assert_close(following[0], finest)
    assert same(following, model.recompute(following[0]))
    other = motion.clone()
    other[:, 1:] = torch.randn_like(other[:, 1:])
    assert same(model.step(z, other), following)


@pytest.mark.parametrize("top", ["held", "predicted", "recomputed"])
def test_only_with_laterals_does_the_top_level_reach_the_finest(make_midway, states, top):
    for laterals in (True, False):
        model = make_midway("compact", forward={"laterals": laterals, "lateral_heads": 4}, recurrence={"top": top})
        motion = model.inverse(*states)
        one, other = states[0], (*states[0][:-1], states[1][-1])
        assert torch.equal(model.step(one, motion)[0], model.step(other, motion)[0]) == (not laterals)
        # Asking for some levels only changes none of them.
        for level in (0, 1):
            only = model.step(one, motion, only=(level,))[level]
            torch.testing.assert_close(only, model.step(one, motion)[level])
