"""Transformer blocks against hand-written computations."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.nn.transformer import (
    Block,
    CrossAttention,
    CrossBlock,
    Mlp,
    SelfAttention,
    attend,
    drop_path,
    init_weights,
    join_heads,
    sincos_position,
    split_heads,
)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def shaken(module):
    """The module with all weights, biases and norms away from their initial values."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def norm(layer, tokens, eps):
    mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, correction=0)
    return (tokens - mean) / (variance + eps).sqrt() * layer.weight + layer.bias


def attention_by_heads(query, key, value, heads, bias=None):
    """[B, N, D] with heads side by side in the channels, one head after the other."""
    parts, width = [], query.shape[-1] // heads
    for head in range(heads):
        at = slice(head * width, (head + 1) * width)
        scores = query[..., at] @ key[..., at].transpose(1, 2) / math.sqrt(width)
        if bias is not None:
            scores = scores + bias[head]
        parts.append(scores.softmax(-1) @ value[..., at])
    return torch.cat(parts, dim=-1)


def self_attention(layer, tokens, heads, bias=None):
    query, key, value = layer.qkv(tokens).split(tokens.shape[-1], dim=-1)
    return layer.proj(attention_by_heads(query, key, value, heads, bias))


def mlp(layer, tokens):
    hidden = layer.fc1(tokens)
    return layer.fc2(0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2))))


@pytest.mark.parametrize("biased", [False, True])
def test_attention_equals_the_fused_form(biased):
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    bias = 3 * torch.randn(3, 5, 7) if biased else None
    fused = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    torch.testing.assert_close(attend(query, key, value, bias), fused)


def test_bias_closes_and_opens_places():
    query, key, value = torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4), torch.randn(1, 2, 3, 4)
    bias = torch.full((2, 3, 3), -1e4)
    bias[0].fill_diagonal_(0.0)
    bias[1] = 0.0
    out = attend(query, key, value, bias)
    torch.testing.assert_close(out[:, 0], value[:, 0])
    torch.testing.assert_close(out[:, 1], value[:, 1].mean(1, keepdim=True).expand(-1, 3, -1))


@pytest.mark.parametrize("biased", [False, True])
def test_self_attention_splits_queries_keys_values_then_heads(biased):
    layer, tokens = shaken(SelfAttention(12, 3, qkv_bias=True)), torch.randn(2, 5, 12)
    bias = torch.randn(3, 5, 5) if biased else None
    torch.testing.assert_close(layer(tokens, bias), self_attention(layer, tokens, 3, bias))


def test_cross_attention_reads_a_memory_of_another_width():
    layer = shaken(CrossAttention(8, 2, qkv_bias=True, memory_width=6))
    tokens, memory, bias = torch.randn(2, 5, 8), torch.randn(2, 3, 6), torch.randn(2, 5, 3)
    key, value = layer.key_value(memory).split(8, dim=-1)
    expected = layer.proj(attention_by_heads(layer.query(tokens), key, value, 2, bias))
    torch.testing.assert_close(layer(tokens, memory, bias), expected)


def test_heads_are_split_and_joined_back():
    tokens = torch.randn(2, 5, 12)
    assert torch.equal(split_heads(tokens, 3)[:, 1], tokens[..., 4:8])
    assert torch.equal(join_heads(split_heads(tokens, 3)), tokens)


def test_mlp_uses_the_exact_gelu():
    layer, tokens = shaken(Mlp(6, 2.0)), torch.randn(2, 5, 6)
    assert layer.fc1.out_features == 12
    torch.testing.assert_close(layer(tokens), mlp(layer, tokens))


@pytest.mark.parametrize("gated", [False, True])
def test_gate_multiplies_only_the_skip_path_of_the_attention_residual(gated):
    block, tokens = shaken(Block(12, 3, mlp_ratio=2.0)), torch.randn(2, 5, 12)
    gate, bias = torch.rand(2, 5, 12), torch.randn(3, 5, 5)
    branch = self_attention(block.attn, norm(block.norm1, tokens, 1e-6), 3, bias)
    stream = (gate * tokens if gated else tokens) + branch
    expected = stream + mlp(block.mlp, norm(block.norm2, stream, 1e-6))
    torch.testing.assert_close(block(tokens, gate if gated else None, bias), expected)


def test_a_gate_of_ones_changes_nothing():
    block, tokens = shaken(Block(12, 3)), torch.randn(2, 5, 12)
    assert torch.equal(block(tokens, torch.ones_like(tokens)), block(tokens))


def test_eps_and_qkv_bias_are_as_asked():
    block = Block(8, 2, qkv_bias=False, eps=1e-2)
    assert block.attn.qkv.bias is None
    small = 1e-3 * torch.randn(1, 4, 8)
    torch.testing.assert_close(block.norm1(small), norm(block.norm1, small, 1e-2))


def test_cross_block_attends_to_itself_then_to_the_normalised_memory_then_runs_the_mlp():
    block, tokens, memory = shaken(CrossBlock(12, 3, mlp_ratio=2.0)), torch.randn(2, 5, 12), 3 * torch.randn(2, 7, 12)
    first = tokens + self_attention(block.attn, norm(block.norm1, tokens, 1e-5), 3)
    query = block.cross_attn.query(norm(block.norm2, first, 1e-5))
    key, value = block.cross_attn.key_value(norm(block.norm_y, memory, 1e-5)).split(12, dim=-1)
    second = first + block.cross_attn.proj(attention_by_heads(query, key, value, 3))
    expected = second + mlp(block.mlp, norm(block.norm3, second, 1e-5))
    torch.testing.assert_close(block(tokens, memory), expected)


def test_drop_path_zeroes_whole_samples_and_keeps_the_expectation():
    branch = torch.randn(4000, 2, 3)
    dropped = drop_path(branch, 0.3, training=True)
    kept = dropped.flatten(1).any(1)
    torch.testing.assert_close(dropped[kept], branch[kept] / 0.7)
    assert not dropped[~kept].any()
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=0.03)
    constant = drop_path(torch.ones(4000, 1, 1), 0.3, training=True)
    assert float(constant.mean()) == pytest.approx(1.0, abs=0.04)


def test_drop_path_is_off_in_evaluation_and_at_rate_zero():
    branch = torch.randn(5, 2, 3)
    assert drop_path(branch, 0.9, training=False) is branch
    assert drop_path(branch, 0.0, training=True) is branch
    block, tokens = shaken(Block(8, 2, drop_path=0.9)), torch.randn(6, 3, 8)
    without = Block(8, 2)
    without.load_state_dict(block.state_dict())
    assert torch.equal(block.eval()(tokens), without.eval()(tokens))
    assert not torch.equal(block.train()(tokens), without.train()(tokens))


def test_initial_weights_keep_the_scale_of_their_inputs():
    layer = torch.nn.Linear(400, 300)
    layer.apply(init_weights)
    assert float(layer.weight.detach().std()) == pytest.approx(400**-0.5, rel=0.15)
    assert not layer.bias.any()
    torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False)).apply(init_weights)


@settings(max_examples=20)
@given(height=st.integers(1, 24), width=st.integers(1, 40), quarter=st.integers(4, 8))
def test_positions_are_distinct_and_rows_and_columns_have_their_own_halves(height, width, quarter):
    table = sincos_position(height, width, 4 * quarter)
    assert table.shape == (height * width, 4 * quarter)
    assert float((torch.cdist(table, table) + 9 * torch.eye(len(table))).min()) > 1e-2
    grid = table.view(height, width, 2, 2 * quarter)
    assert torch.equal(grid[:, :, 0], grid[:, :1, 0].expand(-1, width, -1))
    assert torch.equal(grid[:, :, 1], grid[:1, :, 1].expand(height, -1, -1))


def test_positions_need_a_width_divisible_by_four():
    with pytest.raises(ValueError, match="divisible by 4, got 6"):
        sincos_position(2, 2, 6)
