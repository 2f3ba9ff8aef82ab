"""The context transformers (paper 4.2): bidirectional attention over history, current state and learned queries.

Shapes: B batch, K history, L motion levels, M motion tokens per level, P patches, d model width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.nn.transformer import Block, attend, init_weights, join_heads, sincos_position, split_heads
from lamo.predictors.config import BackboneConfig
from lamo.predictors.interface import Context, Geometry


@dataclass(frozen=True)
class Features:
    """What the context says about the target.

    Attributes:
        tokens: h_t, one feature vector per target token, [B, L, M, d] or [B, P, d].
        readout: h_t^g, [B, d]; None unless the backbone has the global readout query.
    """

    tokens: Tensor
    readout: Tensor | None = None


class Trunk(nn.Module):
    """Transformer layers without a mask, and a last norm.

    Only the last `wanted` tokens (the queries) leave the trunk, so the last layer computes these alone: the same
    numbers for a fraction of that layer's cost.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor, wanted: int) -> Tensor:
        """[B, N, d] -> [B, wanted, d]."""
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        return self.norm(read_out(last, tokens, wanted))


def read_out(block: Block, tokens: Tensor, wanted: int) -> Tensor:
    """The last `wanted` tokens of block(tokens): they attend to all tokens, the others are not updated."""
    attention, normed, last = block.attn, block.norm1(tokens), tokens[:, -wanted:]
    width = tokens.shape[-1]
    query_weight, memory_weight = attention.qkv.weight.split([width, 2 * width])
    query_bias, memory_bias = attention.qkv.bias.split([width, 2 * width])
    query = F.linear(normed[:, -wanted:], query_weight, query_bias)
    key, value = F.linear(normed, memory_weight, memory_bias).chunk(2, dim=-1)
    attended = attend(*(split_heads(part, attention.heads) for part in (query, key, value)))
    last = last + attention.proj(join_heads(attended))
    return last + block.mlp(block.norm2(last))


def table(*shape: int) -> nn.Parameter:
    """A learned embedding table; not tiny beside the contents it is added to, or time and slot are found late."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.5))


class MotionBackbone(nn.Module):
    """Context of the motion predictors: K x L x M history tokens, the P tokens of z_t, L x M queries, maybe a readout.

    Embeddings are factorised and added: time index, level, patch (latents only; fixed sine-cosine and learned)
    and token role. The role of a motion token includes its slot n in 1..M: motion tokens are normalised slot by slot,
    so that without it nothing would say which history token belongs to which query.
    """

    def __init__(self, geometry: Geometry, config: BackboneConfig, readout: bool) -> None:
        super().__init__()
        self.geometry, width = geometry, config.width
        self.motion_in = nn.Linear(geometry.motion_width, width)
        self.state_in = nn.Linear(geometry.state_width, width)
        self.trunk = Trunk(config)
        self.apply(init_weights)
        self.time = table(geometry.history + 1, width)
        self.level = table(geometry.levels, 1, width)
        self.slot = table(geometry.tokens, width)
        self.role_motion, self.role_state, self.role_query = table(width), table(width), table(width)
        self.patch = table(geometry.patches, width)
        self.register_buffer("position", sincos_position(*geometry.grid, width), persistent=False)
        self.query = table(geometry.levels, geometry.tokens, width)
        self.readout = table(1, width) if readout else None

    @property
    def context_tokens(self) -> int:
        """Tokens that attention runs over, queries and readout included."""
        shape = self.geometry
        return (shape.history + 1) * shape.slots + shape.patches + (self.readout is not None)

    def forward(self, context: Context) -> Features:
        """Reads the motion history and the last state of `context`; returns h_t [B, L, M, d] and the readout [B, d]."""
        batch, shape = context.states.shape[0], self.geometry
        level_slot = self.level + self.slot
        history_time = self.time[: shape.history, None, None]
        history = self.motion_in(context.motion) + history_time + level_slot + self.role_motion
        state = self.state_in(context.states[:, -1]) + self.time[-1] + self.position + self.patch + self.role_state
        query = self.query + self.time[-1] + level_slot + self.role_query
        parts = [history.flatten(1, 3), state, query.flatten(0, 1).expand(batch, -1, -1)]
        if self.readout is not None:
            parts.append(self.readout.expand(batch, 1, -1))
        tokens = self.trunk(torch.cat(parts, dim=1), shape.slots + (self.readout is not None))
        queries = tokens[:, : shape.slots].unflatten(1, (shape.levels, shape.tokens))
        return Features(queries, tokens[:, -1] if self.readout is not None else None)


class StateBackbone(nn.Module):
    """Context of the state baseline: (K + 1) x P latent tokens of the window and P queries (paper 4.5).

    Embeddings: time index, patch (as above) and token role.
    """

    position: Tensor

    def __init__(self, geometry: Geometry, config: BackboneConfig) -> None:
        super().__init__()
        self.geometry, width = geometry, config.width
        self.state_in = nn.Linear(geometry.state_width, width)
        self.trunk = Trunk(config)
        self.apply(init_weights)
        self.time = table(geometry.history + 2, 1, width)
        self.role_state, self.role_query = table(width), table(width)
        self.patch = table(geometry.patches, width)
        self.register_buffer("position", sincos_position(*geometry.grid, width), persistent=False)
        self.query = table(geometry.patches, width)

    @property
    def context_tokens(self) -> int:
        """Tokens that attention runs over, queries included."""
        return (self.geometry.history + 2) * self.geometry.patches

    def forward(self, context: Context) -> Features:
        """Reads the states of `context` [B, K+1, P, D_z]; returns h_t [B, P, d]."""
        where = self.position + self.patch
        states = self.state_in(context.states) + self.time[:-1] + where + self.role_state
        query = self.query + self.time[-1] + where + self.role_query
        tokens = torch.cat([states.flatten(1, 2), query.expand(len(states), -1, -1)], dim=1)
        return Features(self.trunk(tokens, self.geometry.patches))
