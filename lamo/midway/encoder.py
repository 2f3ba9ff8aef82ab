"""Vision transformer whose blocks give a pyramid of latent-state levels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.midway.network_config import EncoderConfig
from lamo.nn.transformer import Block, sincos_position


class Encoder(nn.Module):
    """Encodes images [B, 3, H, W] into levels [B, 1 + P, D], finest (shallowest) first, class token at index 0.

    After each block in `config.levels` a copy of the token stream goes through the one final LayerNorm and becomes a
    level; the stream itself goes on without it. `image` is the (height, width) that the position table is made for; at
    other sizes the table is interpolated. Raises `LamoError` if patch or levels do not fit.
    """

    def __init__(self, config: EncoderConfig, image: tuple[int, int]) -> None:
        super().__init__()
        if image[0] % config.patch or image[1] % config.patch:
            raise LamoError(f"midway.encoder.patch: {config.patch} does not divide the frames, {image[0]} x {image[1]}")
        levels = list(config.levels)
        if levels != sorted(set(levels)) or levels[0] < 0 or levels[-1] >= config.depth:
            last = config.depth - 1
            raise LamoError(f"midway.encoder.levels: found {levels}, expected rising numbers of blocks, 0 to {last}")
        self.config = config
        self.grid = (image[0] // config.patch, image[1] // config.patch)
        self.patch_embed = nn.Conv2d(3, config.width, config.patch, config.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        position = torch.cat([torch.zeros(1, config.width), 0.5 * sincos_position(*self.grid, config.width)])
        self.pos_embed = nn.Parameter(position[None])
        rates = torch.linspace(0, config.drop_path, config.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, mlp_ratio=config.mlp_ratio, drop_path=rate) for rate in rates
        )
        self.norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Levels of `images` [B, 3, H, W] (normalised floats); raises `LamoError` on another shape or type."""
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise LamoError(
                f"encoder input: found {images.dtype} {tuple(images.shape)}, expected normalised floats [B, 3, H, W]"
            )
        patch = self.config.patch
        if images.shape[2] % patch or images.shape[3] % patch:
            raise LamoError(f"encoder input: {tuple(images.shape[2:])} is not a multiple of the patch {patch}")
        patches = self.patch_embed(images)
        grid = (patches.shape[2], patches.shape[3])
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1) + self._position(grid)
        levels = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.config.levels:
                levels.append(self.norm(tokens))
        return tuple(levels)

    def _position(self, grid: tuple[int, int]) -> Tensor:
        """The position table [1, 1 + P, D] for `grid`; the class token's row stays as it is."""
        if grid == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].unflatten(1, self.grid).permute(0, 3, 1, 2)
        # The small surplus keeps the resized table from losing a row to rounding, as in the published models.
        scale = ((grid[0] + 0.1) / self.grid[0], (grid[1] + 0.1) / self.grid[1])
        table = F.interpolate(table, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], table.flatten(2).transpose(1, 2)], dim=1)
