"""Transformer blocks shared by the encoder, the dynamics models, the decoder and the predictors.

Shapes: B batch, N tokens, D width, H heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.nn.share import draw


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention over [B, H, N, D / H]; `bias` [H, N, M], if given, is added to the scores.

    Written out on the CPU: there the backward of the fused kernel is several times slower in bfloat16.
    """
    if query.device.type == "cpu":
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        return (scores if bias is None else scores + bias.to(scores.dtype)).softmax(dim=-1) @ value
    mask = None if bias is None else bias.to(query.dtype).expand(len(query), -1, -1, -1)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """[B, N, D] -> [B, H, N, D / H]."""
    batch, count, width = tokens.shape
    return tokens.view(batch, count, heads, width // heads).transpose(1, 2)


def join_heads(tokens: Tensor) -> Tensor:
    """[B, H, N, D / H] -> [B, N, D]."""
    return tokens.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with a fused projection of queries, keys and values (in this order, then heads)."""

    def __init__(self, width: int, heads: int, qkv_bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(tokens).chunk(3, dim=-1))
        return self.proj(join_heads(attend(query, key, value, bias)))


class CrossAttention(nn.Module):
    """Multi-head attention of `tokens` [B, N, D] over `memory` [B, M, D_memory]."""

    def __init__(self, width: int, heads: int, qkv_bias: bool, memory_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=qkv_bias)
        self.key_value = nn.Linear(memory_width or width, 2 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        key, value = self.key_value(memory).chunk(2, dim=-1)
        query, key, value = (split_heads(part, self.heads) for part in (self.query(tokens), key, value))
        return self.proj(join_heads(attend(query, key, value, bias)))


class Mlp(nn.Module):
    """Two linear layers with the exact (erf) GELU between them."""

    def __init__(self, width: int, ratio: float = 4.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, int(width * ratio))
        self.fc2 = nn.Linear(int(width * ratio), width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


def drop_path(branch: Tensor, rate: float, training: bool) -> Tensor:
    """Stochastic depth: zero the residual branch of a sample with probability `rate`, scale the others up."""
    if rate == 0.0 or not training:
        return branch
    keep = draw(torch.rand, (branch.shape[0], 1, 1), device=branch.device) >= rate
    return branch * keep / (1.0 - rate)


class Block(nn.Module):
    """Pre-norm transformer block. `gate` [B, N, D], if given, multiplies the skip path of the attention residual only;
    the attention branch itself reads the ungated stream. `bias` [H, N, N] is added to the attention scores."""

    def __init__(
        self, width: int, heads: int, *, mlp_ratio: float = 4.0, qkv_bias: bool = True, eps: float = 1e-6,
        drop_path: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = SelfAttention(width, heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, mlp_ratio)

    def forward(self, tokens: Tensor, gate: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        branch = drop_path(self.attn(self.norm1(tokens), bias), self.drop_path, self.training)
        tokens = branch + (tokens if gate is None else tokens * gate)
        return tokens + drop_path(self.mlp(self.norm2(tokens)), self.drop_path, self.training)


class CrossBlock(nn.Module):
    """Pre-norm block: self-attention, attention over `memory` (normalised by its own norm), MLP."""

    def __init__(
        self, width: int, heads: int, *, mlp_ratio: float = 4.0, qkv_bias: bool = False, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = SelfAttention(width, heads, qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.norm_y = nn.LayerNorm(width, eps=eps)
        self.cross_attn = CrossAttention(width, heads, qkv_bias)
        self.norm3 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, mlp_ratio)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        tokens = tokens + self.cross_attn(self.norm2(tokens), self.norm_y(memory))
        return tokens + self.mlp(self.norm3(tokens))


def init_weights(module: nn.Module) -> None:
    """Initialise linear layers near 1 / sqrt(fan in) (truncated normal), biases at 0; for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def sincos_position(height: int, width: int, dim: int) -> Tensor:
    """Two-dimensional sine-cosine position code [height * width, dim]: half the channels for each axis."""
    if dim % 4:
        raise ValueError(f"sine-cosine positions need a width divisible by 4, got {dim}")
    frequency = 1.0 / 100.0 ** (torch.arange(dim // 4) / (dim // 4))

    def axis(count: int) -> Tensor:
        angle = torch.arange(count)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    rows = axis(height)[:, None].expand(-1, width, -1)
    columns = axis(width)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)
