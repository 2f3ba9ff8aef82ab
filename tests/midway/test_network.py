"""The Midway Network in its published and its compact form."""

import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.losses import motion_loss
from lamo.midway.network import Midway
from lamo.midway.network_config import NetworkConfig

LEVELS, TOKENS_PER_IMAGE, WIDTH, MOTION_WIDTH = 3, 25, 16, 8


def tokens(model: Midway) -> int:
    return model.config.inverse.tokens


def with_level(z, level, value):
    return tuple(value if i == level else one for i, one in enumerate(z))


def same(one, two) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_shapes_of_what_is_inferred(model, states):
    found = model.infer(*states)
    patches = 2 * TOKENS_PER_IMAGE if model.form.pairing == "tokens" else TOKENS_PER_IMAGE
    assert found.motion.shape == (2, LEVELS, tokens(model), MOTION_WIDTH)
    assert [p.shape for p in found.predictions] == [(2, TOKENS_PER_IMAGE, WIDTH)] * LEVELS
    assert [len(gates) for gates in found.gates] == [2] * LEVELS
    assert [i.shape[1] for i in found.inverse_inputs] == [tokens(model) + patches] * LEVELS
    assert torch.equal(model.inverse(*states), found.motion)


def test_predictions_need_no_target_and_equal_the_inferred_ones_exactly(model, states):
    found = model.infer(*states)
    assert same(model.predict(states[0], found.motion), found.predictions)


def test_levels_are_inferred_from_the_top_down(model, states):
    source, target = states
    found = model.infer(source, target)

    def moved(level):
        motion = model.inverse(source, with_level(target, level, torch.randn_like(target[level])))
        return [not torch.equal(motion[:, i], found.motion[:, i]) for i in range(LEVELS)]

    # Level i reads the level above of the target, so the finest one is read by nobody and the top by all.
    assert moved(0) == [False, False, False]
    assert moved(1) == [True, False, False]
    assert moved(2) == [True, True, False]
    assert moved(3) == [True, True, True]


def test_each_level_hands_its_prediction_and_its_motion_down(model, states):
    source, target = states
    found, inverse = model.infer(source, target), model.inverse_dynamics
    uppers = model._refine(model.target_laterals, target)
    motion = inverse.motion_tokens.expand(2, -1, -1)
    for level in (2, 1, 0):
        upper_source = source[-1] if level == 2 else found.predictions[level + 1]
        sequence = inverse.inputs(level, motion, upper_source, target[-1] if level == 2 else uppers[level + 1])
        torch.testing.assert_close(found.inverse_inputs[level], sequence)
        raw = inverse(level, sequence)
        # Motion tokens add up on the way down, on top of the residual blocks.
        motion = inverse.normalise(level, raw if level == 2 else raw + motion)
        torch.testing.assert_close(found.motion[:, level], motion)


def test_laterals_read_the_refined_level_above(make_midway, states):
    model, z = make_midway("published"), states[0]
    two = model.source_laterals[2](z[2], z[3])
    one = model.source_laterals[1](z[1], two)
    zero = model.source_laterals[0](z[0], one)
    assert same(model._refine(model.source_laterals, z), (zero, one, two))
    plain = make_midway("compact")
    assert same(plain._refine(plain.source_laterals, z), z[:3])


def test_no_gradient_reaches_targets_or_teacher(model, states):
    source, target = (tuple(z.clone().requires_grad_() for z in state) for state in states)
    found = model.infer(source, target)
    (motion_loss(found.predictions, source, target, "squared", 0.5).total + found.motion.square().sum()).backward()
    assert all(z.grad is None or not z.grad.any() for z in target)
    assert all(z.grad.any() for z in source)
    for name, parameter in model.named_parameters():
        if name.startswith(("teacher", "target_laterals")):
            assert not parameter.requires_grad
            assert parameter.grad is None


def test_every_other_parameter_learns(model):
    frames = torch.randn(2, 3, 16, 24), torch.randn(2, 3, 16, 24)
    source, target = model.encode(frames[0], "student"), model.encode(frames[1], "teacher")
    # With another weight for each channel: the mean of a LayerNorm's output is fixed, so its plain sum teaches nothing.
    predictions = model.infer(source, target).predictions
    sum((p * torch.randn(WIDTH)).square().sum() for p in predictions).backward()
    idle = {n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    assert idle == set()


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_images_are_encoded_by_the_role_asked_for(model, role):
    images = torch.randn(2, 3, 16, 24)
    assert same(model.encode(images, role), getattr(model, role)(images))
    assert not same(model.encode(images, "student"), model.encode(images, "teacher"))


def test_a_new_teacher_equals_the_student(make_config, form):
    model = Midway(make_config(form), (16, 24))
    images = torch.randn(1, 3, 16, 24)
    assert same(model.encode(images, "student"), model.encode(images, "teacher"))
    for source, target in zip(model.source_laterals.parameters(), model.target_laterals.parameters(), strict=True):
        assert torch.equal(source, target)
    embeds = model.inverse_dynamics.source_embed.weight, model.inverse_dynamics.target_embed.weight
    assert torch.equal(*embeds) == (form == "published")


@pytest.mark.parametrize("size", [(24, 24), (16, 16)])
def test_the_motion_part_refuses_another_grid_than_its_own(model, states, size):
    other = model.encode(torch.randn(2, 3, *size))
    message = r"expected 4 levels of 25: .* grid \(4, 6\)"
    for call in (
        lambda: model.inverse(other, states[1]),
        lambda: model.inverse(states[0], other),
        lambda: model.predict(other, torch.zeros(2, 3, tokens(model), 8)),
        lambda: model.step(other, torch.zeros(2, 3, tokens(model), 8)),
        lambda: model.inverse(states[0][:3], states[1][:3]),
    ):
        with pytest.raises(LamoError, match=message):
            call()


def test_a_saved_model_computes_the_same_and_is_frozen(model, states, tmp_path):
    model.requires_grad_(False).save(tmp_path)  # a linear map rounds differently where its weights need gradients
    loaded = Midway.load(tmp_path)
    assert all(getattr(loaded.config, name) == getattr(model.config, name) for name in NetworkConfig.model_fields)
    assert loaded.image == (16, 24)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    images = torch.randn(1, 3, 16, 24)
    for role in ("student", "teacher"):
        assert same(loaded.encode(images, role), model.encode(images, role))
    found, again = model.infer(*states), loaded.infer(*states)
    assert torch.equal(found.motion, again.motion)
    assert same(found.predictions, again.predictions)
    assert same(model.step(states[0], found.motion), loaded.step(states[0], found.motion))


def test_weights_of_the_other_form_are_refused(make_midway, tmp_path):
    for form in ("published", "compact"):
        make_midway(form).save(tmp_path / form)
    (tmp_path / "compact" / "model.safetensors").replace(tmp_path / "published" / "model.safetensors")
    with pytest.raises(LamoError, match=r"published/model\.safetensors: does not fit"):
        Midway.load(tmp_path / "published")


def test_the_published_size_has_the_published_number_of_parameters(make_config, monkeypatch):
    for name in ("trunc_normal_", "kaiming_uniform_", "uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    config = make_config(
        "published",
        encoder={"patch": 16, "width": 384, "depth": 12, "heads": 6, "levels": [2, 5, 8, 11]},
        inverse={"tokens": 10, "width": 192, "depth": 4, "heads": 3},
        forward={"depth": 4, "heads": 6, "lateral_heads": 6},
    )
    model = Midway(config, (224, 224))

    def count(*modules):
        return sum(p.numel() for module in modules for p in module.parameters())

    inverse, forwards = model.inverse_dynamics, model.forward_dynamics
    assert count(model.student) == count(model.teacher) == 21_665_664
    assert count(inverse.blocks) == 5_331_456
    assert count(model.source_laterals) == count(model.target_laterals) == 7_095_168
    assert count(*(forward.blocks for forward in forwards)) == 21_279_744
    assert count(*(forward.gates for forward in forwards)) == 2_668_032
    assert count(inverse.source_embed) == count(inverse.target_embed) == 73_920
    assert count(model.motion_proj) == 74_112
    assert inverse.position.numel() == 75_648
    assert inverse.motion_tokens.numel() == 1_920
