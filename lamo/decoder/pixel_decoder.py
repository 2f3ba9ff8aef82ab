"""Decoder d_psi from the latent state to pixels (eq. 16)."""

from pathlib import Path
from typing import Self

import torch
from pydantic import Field
from torch import Tensor, nn

from lamo.nn.transformer import Block, init_weights, sincos_position
from lamo.section import Section
from lamo.training.checkpoint import load_config, load_weights, save_model


class DecoderConfig(Section):
    """Stage 04: the pixel decoder and its training."""

    depth: int = Field(6, ge=1, description="transformer blocks; paper: 6")
    width: int = Field(96, ge=8, description="token width")
    heads: int = Field(3, ge=1, description="attention heads")
    steps: int = Field(400, ge=1, description="optimiser steps")
    batch: int = Field(48, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW weight decay")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps with rising learning rate")
    mixed_precision: bool = Field(True, description="bfloat16 autocast")


class PixelDecoder(nn.Module):
    """Transformer over the patch tokens of a latent state, then an affine map of each token to its patch of pixels.

    `state_width` D_z, patch `grid` (h, w), `patch` side in pixels. Trained on true latents with the Midway Network
    frozen; frozen in evaluation.
    """

    def __init__(self, config: DecoderConfig, state_width: int, grid: tuple[int, int], patch: int) -> None:
        super().__init__()
        self.config, self.grid, self.patch = config, tuple(grid), patch
        self.embed = nn.Linear(state_width, config.width)
        self.position = nn.Parameter(0.5 * sincos_position(*grid, config.width)[None])
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.to_pixels = nn.Linear(config.width, 3 * patch * patch)
        self.apply(init_weights)

    def forward(self, state: Tensor) -> Tensor:
        """`state` [B, P, D_z] -> images [B, 3, H, W], 0..1 where the prediction is right (not clamped)."""
        tokens = self.embed(state) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        pixels = self.to_pixels(self.norm(tokens)).transpose(1, 2)
        size = (self.grid[0] * self.patch, self.grid[1] * self.patch)
        return nn.functional.fold(pixels.float(), size, self.patch, stride=self.patch) + 0.5

    def save(self, folder: str | Path) -> None:
        """Write weights and configuration to `folder`."""
        geometry = {"state_width": self.embed.in_features, "grid": list(self.grid), "patch": self.patch}
        save_model(folder, self, {"decoder": self.config.model_dump(mode="json"), **geometry})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The decoder saved in `folder`, in eval mode."""
        saved = load_config(folder)
        config = DecoderConfig.model_validate(saved["decoder"])
        model = cls(config, saved["state_width"], tuple(saved["grid"]), saved["patch"])
        load_weights(folder, model)
        return model.eval().requires_grad_(False)


@torch.no_grad()
def decode(decoder: PixelDecoder, state: Tensor, batch: int = 256) -> Tensor:
    """Images of many states [N, P, D_z] -> [N, 3, H, W], `batch` at a time."""
    return torch.cat([decoder(part) for part in state.split(batch)])
