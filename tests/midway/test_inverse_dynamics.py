"""The sequence that the inverse model reads, and who learns from it."""

import pytest
import torch

from lamo.midway.form import COMPACT, PUBLISHED, Form
from lamo.midway.inverse_dynamics import InverseDynamics, correlation_volume
from lamo.midway.network_config import InverseConfig

GRID, WIDTH, TOKENS = (3, 4), 8, 4
COUNT = 1 + 12


def inverse(form: Form) -> InverseDynamics:
    config = InverseConfig(tokens=TOKENS, width=12, depth=2, heads=2)
    model = InverseDynamics(config, form, 3, WIDTH, GRID)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture
def features():
    return torch.randn(2, COUNT, WIDTH, requires_grad=True), torch.randn(2, COUNT, WIDTH, requires_grad=True)


def parts(model, features):
    motion = torch.randn(2, TOKENS, 12)
    return motion, model.inputs(1, motion, *features)


def test_published_sequence_is_motion_then_source_then_target(features):
    model = inverse(PUBLISHED)
    motion, sequence = parts(model, features)
    source, target = model.source_embed(features[0]), model.target_embed(features[1])
    assert sequence.shape == (2, TOKENS + 2 * COUNT, 12)
    torch.testing.assert_close(sequence[:, :TOKENS], motion)
    torch.testing.assert_close(sequence[:, TOKENS : TOKENS + COUNT], source + model.position[:, :COUNT])
    torch.testing.assert_close(sequence[:, TOKENS + COUNT :], target + model.position[:, COUNT:])


def test_compact_sequence_adds_source_target_and_correlation_patch_by_patch(features):
    model = inverse(COMPACT)
    motion, sequence = parts(model, features)
    volume = correlation_volume(features[0][:, 1:], features[1][:, 1:], GRID, 2)
    expected = model.source_embed(features[0]) + model.target_embed(features[1]) + model.position[:, :COUNT]
    expected[:, 1:] += model.correlation[1](volume)
    assert sequence.shape == (2, TOKENS + COUNT, 12)
    torch.testing.assert_close(sequence[:, :TOKENS], motion)
    torch.testing.assert_close(sequence[:, TOKENS:], expected)


@pytest.mark.parametrize("form", [PUBLISHED, COMPACT])
def test_no_gradient_reaches_the_target_features(features, form):
    _, sequence = parts(inverse(form), features)
    sequence.square().sum().backward()
    assert features[1].grad is None
    assert features[0].grad.abs().sum() > 0


def test_of_the_published_target_only_the_positions_learn(features):
    model = inverse(PUBLISHED)
    parts(model, features)[1][:, TOKENS + COUNT :].square().sum().backward()
    assert model.target_embed.weight.grad is None
    assert not model.source_embed.weight.grad.any()
    assert model.position.grad[:, COUNT:].abs().min() > 0
    assert not model.position.grad[:, :COUNT].any()


def test_the_compact_target_embedding_learns(features):
    model = inverse(COMPACT)
    parts(model, features)[1].square().sum().backward()
    assert model.target_embed.weight.grad.abs().sum() > 0
    assert model.correlation[1].weight.grad.abs().sum() > 0
    assert model.correlation[0].weight.grad is None
    assert not any(parameter is model.position for parameter in model.parameters())


@pytest.mark.parametrize("form", [PUBLISHED, COMPACT])
def test_each_level_runs_its_own_blocks_and_keeps_the_motion_tokens(features, form):
    model = inverse(form)
    _, sequence = parts(model, features)
    outputs = [model(level, sequence) for level in range(3)]
    for level, output in enumerate(outputs):
        stream = sequence
        for block in model.blocks[level]:
            stream = block(stream, bias=model.bias)
        torch.testing.assert_close(output, stream[:, :TOKENS])
    assert not torch.allclose(outputs[0], outputs[1])


def test_tokens_read_the_region_they_are_tied_to():
    model = inverse(COMPACT)
    torch.testing.assert_close(model.bias[0, :TOKENS, :TOKENS], torch.zeros(TOKENS, TOKENS))
    assert not model.bias[:, TOKENS:].any()  # patches read everything
    # Four tokens on a grid of 3 x 4: the first one sits at the top left, the last one at the bottom right.
    patches = model.bias[0, :TOKENS, TOKENS + 1 :]
    assert patches[0].argmax() in (0, 1)
    assert patches[3].argmax() in (10, 11)
    assert inverse(PUBLISHED).bias is None


def test_the_compact_form_normalises_its_tokens():
    motion = 5 + 3 * torch.randn(2, TOKENS, 12)
    assert inverse(PUBLISHED).normalise(0, motion) is motion
    model = inverse(COMPACT)
    norm = model.norms[2]
    unit = (model.normalise(2, motion) - norm.bias) / norm.weight
    torch.testing.assert_close(unit.mean(-1), torch.zeros(2, TOKENS), rtol=0, atol=1e-5)
    torch.testing.assert_close(unit.var(-1, correction=0), torch.ones(2, TOKENS), rtol=1e-3, atol=0)


def test_motion_tokens_start_different_from_each_other():
    model = InverseDynamics(InverseConfig(tokens=10, width=16, heads=2), COMPACT, 3, WIDTH, GRID)
    distance = torch.cdist(model.motion_tokens[0], model.motion_tokens[0]) + 9 * torch.eye(10)
    assert float(distance.min().detach()) > 1.0
