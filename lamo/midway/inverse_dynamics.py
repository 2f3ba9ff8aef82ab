"""Inverse dynamics: motion tokens from the latent states of two frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.midway.form import Form
from lamo.midway.network_config import InverseConfig
from lamo.midway.places import neighbourhood, region_bias
from lamo.nn.transformer import Block, sincos_position

EPS = 1e-5


def correlation_volume(source: Tensor, target: Tensor, grid: tuple[int, int], radius: int) -> Tensor:
    """Cosine similarity of each target patch with the source patches around its place.

    `source`, `target` [B, P, D] on a `grid` (h, w) -> [B, P, (2 radius + 1)^2]; zero beyond the border. The matching
    cost of coarse-to-fine optical flow (Sun et al., 2018).
    """
    similarity = F.normalize(target, dim=-1) @ F.normalize(source, dim=-1).transpose(1, 2)
    index, inside = neighbourhood(grid, radius, similarity.device)
    return similarity.gather(2, index.expand(len(similarity), -1, -1)) * inside


class InverseDynamics(nn.Module):
    """m^l from what the forward model predicted one level up and what is there (eq. 1), for one level at a time.

    All levels share the embeddings of source and target (D -> D_m), the positions and the first motion tokens. Each
    level has its own blocks, correlation projection and token norm.
    """

    def __init__(self, config: InverseConfig, form: Form, levels: int, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.form = form
        self.grid = grid
        count = 1 + grid[0] * grid[1]
        self.source_embed = nn.Linear(width, config.width)
        self.target_embed = nn.Linear(width, config.width)
        # As large as the normalised features beside them, so that each token asks for something else from the start.
        self.motion_tokens = nn.Parameter(torch.randn(1, config.tokens, config.width))
        if form.position == "learned":
            self.position = nn.Parameter(0.02 * torch.randn(1, 2 * count, config.width))
        else:
            table = torch.cat([torch.zeros(1, config.width), sincos_position(*grid, config.width)])
            self.register_buffer("position", table.repeat(2, 1)[None], persistent=False)
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(config.width, config.heads, qkv_bias=False, eps=EPS) for _ in range(config.depth))
            for _ in range(levels)
        )
        cells = (2 * form.correlation_radius + 1) ** 2
        self.correlation = nn.ModuleList(
            nn.Linear(cells, config.width) for _ in range(levels if form.correlation_radius else 0)
        )
        images = 2 if form.pairing == "tokens" else 1
        bias = torch.zeros(config.heads, config.tokens + images * count, config.tokens + images * count)
        bias[:, : config.tokens, config.tokens :] = region_bias(grid, config.tokens, config.heads).repeat(1, 1, images)
        self.register_buffer("bias", bias if form.regions else None, persistent=False)
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(levels if form.normalise_tokens else 0))

    def inputs(self, level: int, motion: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """The token sequence that the blocks of `level` read: motion tokens, then source and target patches.

        `motion` [B, M, D_m]; `source`, `target` [B, 1 + P, D]. No gradient reaches the target.
        """
        target = target.detach()
        source_position, target_position = self.position.chunk(2, dim=1)
        from_source = self.source_embed(source) + source_position
        # Detached as a whole: the projection of the target learns nothing, as in the published model.
        to_target = self.target_embed(target).detach() + target_position
        if self.form.pairing == "channels":
            to_target = self.target_embed(target)
        if self.correlation:
            volume = correlation_volume(source[:, 1:], target[:, 1:], self.grid, self.form.correlation_radius)
            to_target = to_target + F.pad(self.correlation[level](volume), (0, 0, 1, 0))
        if self.form.pairing == "channels":
            return torch.cat([motion, from_source + to_target], dim=1)
        return torch.cat([motion, from_source, to_target], dim=1)

    def forward(self, level: int, tokens: Tensor) -> Tensor:
        """Run the blocks of `level` over the sequence of `inputs`; the first M outputs are the raw motion tokens."""
        blocks = self.blocks[level]
        assert isinstance(blocks, nn.ModuleList)
        for block in blocks:
            tokens = block(tokens, bias=self.bias)
        return tokens[:, : self.config.tokens]

    def normalise(self, level: int, motion: Tensor) -> Tensor:
        """LayerNorm of aggregated motion tokens, where the form has one."""
        return self.norms[level](motion) if self.norms else motion
