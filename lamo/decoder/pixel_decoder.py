"""Decoder d_psi from the latent state to pixels (eq. 16).

Shapes: B batch, P patches, D_z state width, H and W height and width of the frames.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from lamo.decoder.config import DecoderShape
from lamo.nn.transformer import Block, init_weights, sincos_position
from lamo.training.model_files import load_config, load_weights, save_model


class PixelDecoder(nn.Module):
    """Transformer over the patch tokens of a latent state, then an affine map of each token to its patch of pixels.

    `state_width` D_z, patch `grid` (h, w), `patch` side in pixels. Trained on true latents with the Midway Network
    frozen; frozen in evaluation.
    """

    def __init__(self, shape: DecoderShape, state_width: int, grid: tuple[int, int], patch: int) -> None:
        super().__init__()
        self.shape = shape
        self.grid = grid
        self.patch = patch
        self.embed = nn.Linear(state_width, shape.width)
        self.position = nn.Parameter(0.5 * sincos_position(*grid, shape.width)[None])
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width)
        self.to_pixels = nn.Linear(shape.width, 3 * patch * patch)
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
        """Write weights and sizes to `folder`."""
        shape = {key: getattr(self.shape, key) for key in DecoderShape.model_fields}
        geometry = {"state_width": self.embed.in_features, "grid": list(self.grid), "patch": self.patch}
        save_model(folder, self, {"decoder": shape, **geometry})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The decoder saved in `folder`, in eval mode.

        Raises:
            LamoError: a file is missing, damaged or of another model.
        """
        saved = load_config(folder)
        model = cls(saved_shape(saved), saved["state_width"], tuple(saved["grid"]), saved["patch"])
        load_weights(folder, model)
        return model.eval().requires_grad_(False)


def saved_shape(saved: Mapping[str, Any]) -> DecoderShape:
    """Size of the decoder whose saved configuration is `saved`."""
    # Decoders that were saved by earlier versions hold the settings of their training beside the size.
    return DecoderShape.model_validate({key: saved["decoder"][key] for key in DecoderShape.model_fields})
