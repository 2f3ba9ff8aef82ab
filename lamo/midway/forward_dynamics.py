"""Forward dynamics of one level: the next features from the present ones and motion tokens."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.midway.form import Form
from lamo.midway.inverse_dynamics import EPS
from lamo.midway.network_config import ForwardConfig
from lamo.midway.places import neighbourhood, region_bias
from lamo.nn.transformer import Block, CrossAttention, Mlp, sincos_position


class Prediction(NamedTuple):
    """`features` [B, 1 + P, D] as predicted (no final norm) and the `gates` [B, 1 + P, D] that were used."""

    features: Tensor
    gates: tuple[Tensor, ...]


class PrefixForward(nn.Module):
    """The published form: motion tokens stand before the patches in `depth` self-attention blocks.

    Block b + 1 is gated by a small network that reads the stream entering block b. The gate multiplies the skip path of
    the attention residual. Block 0 has no gate, and rows of motion tokens have gate 1.
    """

    def __init__(self, config: ForwardConfig, form: Form, width: int) -> None:
        super().__init__()
        self.gate_bias = form.gate_bias
        self.blocks = nn.ModuleList(Block(width, config.heads, qkv_bias=False, eps=EPS) for _ in range(config.depth))
        self.gates = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width, eps=EPS), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(config.depth - 1)
        )

    def forward(self, source: Tensor, motion: Tensor) -> Prediction:
        """`source` [B, 1 + P, D], `motion` [B, M, D] (already projected to the width D)."""
        count = motion.shape[1]
        stream = torch.cat([motion, source], dim=1)
        gate = None
        used = []
        for index, block in enumerate(self.blocks):
            following = None
            if index < len(self.gates):
                following = torch.sigmoid(self.gates[index](stream[:, count:]) + self.gate_bias)
                used.append(following)
            stream = block(stream, gate)
            gate = None if following is None else F.pad(following, (0, 0, count, 0), value=1.0)
        return Prediction(stream[:, count:], tuple(used))


class FilterBlock(nn.Module):
    """Moves content: each patch becomes a gated sum of itself and a filter over its neighbourhood, then an MLP.

    Gate and filter weights follow from the patch and from what it read of the motion tokens, as in dynamic filter
    networks (Jia et al., 2016).
    """

    def __init__(self, config: ForwardConfig, form: Form, width: int) -> None:
        super().__init__()
        self.banks = config.heads
        self.radius = form.filter_radius
        self.gate_bias = form.gate_bias
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.read = CrossAttention(width, config.heads, qkv_bias=False)
        cells = self.banks * (2 * self.radius + 1) ** 2
        self.weights = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, cells))
        self.gate = nn.Linear(2 * width, width)
        self.value = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.code = nn.Linear(width, width)
        self.mlp = Mlp(width)

    def forward(
        self, stream: Tensor, motion: Tensor, position: Tensor, bias: Tensor | None, grid: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """`stream` [B, 1 + P, D], `motion` [B, M, D], `bias` [H, 1 + P, M] -> the stream after the block, its gate."""
        tokens = self.norm1(stream)
        code = self.read(tokens + position, motion, bias)
        both = torch.cat([tokens + position, code], dim=-1)
        gate = torch.sigmoid(self.gate(both) + self.gate_bias)
        moved = self.proj(self._filter(self.weights(both[:, 1:]), self.value(tokens[:, 1:]), grid))
        stream = gate * stream + F.pad(moved, (0, 0, 1, 0))
        return stream + self.mlp(self.norm2(stream) + self.code(code)), gate

    def _filter(self, logits: Tensor, values: Tensor, grid: tuple[int, int]) -> Tensor:
        """Average `values` [B, P, D] by the softmax of `logits` [B, P, banks x cells] over cells inside the grid."""
        index, inside = neighbourhood(grid, self.radius, logits.device)
        logits = logits.unflatten(-1, (self.banks, -1)).transpose(1, 2).masked_fill(~inside, -1e4)
        batch, banks, patches, _ = logits.shape
        # The weights are scattered into a dense matrix, because a matrix product is far faster than gathering each
        # neighbourhood. Clamped indices repeat only where the weight is zero, so adding keeps the sum.
        dense = logits.new_zeros(batch, banks, patches, patches)
        dense = dense.scatter_add(3, index.expand(batch, banks, -1, -1), logits.softmax(dim=-1))
        values = values.unflatten(-1, (banks, -1)).transpose(1, 2)
        return (dense.to(values.dtype) @ values).transpose(1, 2).flatten(2)


class FilterForward(nn.Module):
    """The compact form: `depth` filter blocks that read the motion tokens by cross-attention."""

    def __init__(self, config: ForwardConfig, form: Form, width: int, grid: tuple[int, int], tokens: int) -> None:
        super().__init__()
        self.grid = grid
        bias = region_bias(grid, tokens, config.heads).transpose(1, 2) if form.regions else None
        self.register_buffer("bias", bias, persistent=False)
        # At full scale from the start, because what a patch reads of the tokens has to depend on where it is.
        table = torch.cat([torch.zeros(1, width), sincos_position(*grid, width)])
        self.position = nn.Parameter(table[None])
        self.blocks = nn.ModuleList(FilterBlock(config, form, width) for _ in range(config.depth))

    def forward(self, source: Tensor, motion: Tensor) -> Prediction:
        """`source` [B, 1 + P, D], `motion` [B, M, D] (already projected to the width D)."""
        gates = []
        for block in self.blocks:
            source, gate = block(source, motion, self.position, self.bias, self.grid)
            gates.append(gate)
        return Prediction(source, tuple(gates))


def make_forward(config: ForwardConfig, form: Form, width: int, grid: tuple[int, int], tokens: int) -> nn.Module:
    """The forward model of one level, for features of `width` on a patch `grid` and `tokens` motion tokens."""
    if form.forward == "prefix":
        return PrefixForward(config, form, width)
    return FilterForward(config, form, width, grid, tokens)
