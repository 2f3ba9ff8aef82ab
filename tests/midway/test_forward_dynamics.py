"""The forward models of one level: gates of the published form, filters of the compact one."""

from dataclasses import replace

import pytest
import torch

from lamo.midway.form import COMPACT, PUBLISHED, Form
from lamo.midway.forward_dynamics import FilterForward, PrefixForward, make_forward
from lamo.midway.network_config import ForwardConfig

GRID, WIDTH, TOKENS = (4, 5), 8, 3
COUNT = 1 + 20
# Of another bias and a smaller radius than the forms have, so that both show in small numbers.
PREFIX = replace(PUBLISHED, gate_bias=2.5)
FILTER = replace(COMPACT, filter_radius=1)


def forward(form: Form, depth: int = 2):
    model = make_forward(ForwardConfig(depth=depth, heads=2), form, WIDTH, GRID, TOKENS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.fixture
def inputs():
    return torch.randn(2, COUNT, WIDTH), torch.randn(2, TOKENS, WIDTH)


@pytest.mark.parametrize("form", [PREFIX, FILTER])
def test_prediction_follows_source_and_motion_sample_by_sample(form, inputs):
    model = forward(form)
    source, motion = inputs
    features, gates = model(source, motion)
    assert features.shape == source.shape
    for gate in gates:
        assert gate.shape == source.shape
        assert 0 < gate.min() < gate.max() < 1
    other = motion.clone()
    other[1] = torch.randn(TOKENS, WIDTH)
    moved = model(source, other).features
    torch.testing.assert_close(moved[0], features[0])
    assert (moved[1] - features[1]).abs().mean() > 1e-3


def test_prefix_form_gates_each_block_by_the_stream_that_entered_the_one_before(inputs):
    model = forward(PREFIX, depth=3)
    source, motion = inputs
    assert len(model.gates) == 2
    stream, gates = torch.cat([motion, source], dim=1), []
    for index, block in enumerate(model.blocks):
        entering = stream
        gate = torch.ones_like(stream)
        if index:
            gate[:, TOKENS:] = gates[-1]
        branch = block.attn(block.norm1(stream))
        stream = gate * stream + branch
        stream = stream + block.mlp(block.norm2(stream))
        if index < 2:
            gates.append(torch.sigmoid(model.gates[index](entering[:, TOKENS:]) + 2.5))
    features, used = model(source, motion)
    torch.testing.assert_close(features, stream[:, TOKENS:])
    torch.testing.assert_close(used, tuple(gates))


def logits_of(choice: torch.Tensor, banks: int) -> torch.Tensor:
    """Logits [1, P, banks x 9] that choose one cell of each 3 x 3 neighbourhood, the same for all banks."""
    logits = torch.full((1, len(choice), banks, 9), -50.0)
    logits.scatter_(3, choice[None, :, None, None].expand(1, -1, banks, 1), 50.0)
    return logits.flatten(2)


@pytest.mark.parametrize("offset", [(0, 0), (0, 1), (-1, 0), (1, -1)])
def test_a_filter_that_chooses_one_neighbour_moves_the_content(offset):
    block, values = forward(FILTER).blocks[0], torch.randn(1, 20, WIDTH)
    cell = (offset[0] + 1) * 3 + offset[1] + 1
    moved = block._filter(logits_of(torch.full((20,), cell), 2), values, GRID).view(4, 5, WIDTH)
    grid = values.view(4, 5, WIDTH)
    for row in range(4):
        for column in range(5):
            y, x = row + offset[0], column + offset[1]
            if 0 <= y < 4 and 0 <= x < 5:
                torch.testing.assert_close(moved[row, column], grid[y, x])


def test_an_even_filter_averages_the_neighbours_inside_the_grid():
    block, values = forward(FILTER).blocks[0], torch.randn(2, 20, WIDTH)
    filtered = block._filter(torch.zeros(2, 20, 18), values, GRID).view(2, 4, 5, WIDTH)
    grid = values.view(2, 4, 5, WIDTH)
    for row in range(4):
        for column in range(5):
            around = grid[:, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            torch.testing.assert_close(filtered[:, row, column], around.mean((1, 2)))


def test_banks_filter_their_own_channels():
    block, values = forward(FILTER).blocks[0], torch.randn(1, 20, WIDTH)
    stay, right = (logits_of(torch.full((20,), cell), 2).view(1, 20, 2, 9) for cell in (4, 5))
    logits = torch.stack([stay[:, :, 0], right[:, :, 1]], dim=2).flatten(2)
    moved = block._filter(logits, values, GRID).view(4, 5, WIDTH)
    grid = values.view(4, 5, WIDTH)
    torch.testing.assert_close(moved[..., :4], grid[..., :4])
    torch.testing.assert_close(moved[:, :-1, 4:], grid[:, 1:, 4:])


def test_patches_read_first_the_motion_tokens_near_them():
    bias = forward(FILTER).bias
    assert bias.shape == (2, COUNT, TOKENS)
    assert not bias[:, 0].any()
    # Three tokens in one row over five columns: the outer columns belong to the outer tokens.
    nearest = bias[0, 1:].argmax(-1).view(4, 5)
    assert (nearest[:, 0] == 0).all()
    assert (nearest[:, 2] == 1).all()
    assert (nearest[:, 4] == 2).all()


def test_a_closed_gate_leaves_only_what_the_motion_brings(inputs):
    shut = forward(replace(FILTER, gate_bias=-100.0), depth=1)
    source, motion = inputs
    features, (gate,) = shut(source, motion)
    assert gate.max() < 1e-6
    block = shut.blocks[0]
    tokens = block.norm1(source)
    code = block.read(tokens + shut.position, motion, shut.bias)
    both = torch.cat([tokens + shut.position, code], dim=-1)
    moved = block.proj(block._filter(block.weights(both[:, 1:]), block.value(tokens[:, 1:]), GRID))
    moved = torch.cat([torch.zeros(2, 1, WIDTH), moved], dim=1)
    torch.testing.assert_close(features, moved + block.mlp(block.norm2(moved) + block.code(code)))


def test_each_form_has_its_own():
    assert isinstance(forward(PREFIX), PrefixForward)
    assert isinstance(forward(FILTER), FilterForward)
