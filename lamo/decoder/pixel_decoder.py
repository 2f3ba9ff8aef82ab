"""Decoder d_psi from the latent state to pixels (eq. 16).

Shapes: B batch, P patches, D_z state width, H and W height and width of the frames.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from torch import Tensor, channels_last, nn

from lamo.decoder.config import DecoderShape
from lamo.errors import LamoError
from lamo.nn.transformer import Block, init_weights, sincos_position
from lamo.training.model_files import CONFIG, load_config, load_weights, save_model

CHANNELS = 32
"""Channels between the convolutions."""


class PixelDecoder(nn.Module):
    """Transformer over the patch tokens of a latent state, an affine map of each token to its patch, convolutions.

    The affine map knows nothing of the neighbouring patches, so the image shows their grid. The convolutions see across
    its lines. What they compute is added to the image, and is nothing at the start of the training. The paper's decoder
    has none.

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
        # Last, so that their number does not change how the others start.
        self.convolutions = convolutions(shape.convolutions)

    def forward(self, state: Tensor) -> Tensor:
        """`state` [B, P, D_z] -> images [B, 3, H, W], 0..1 where the prediction is right (not clamped)."""
        tokens = self.embed(state) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        pixels = self.to_pixels(self.norm(tokens)).transpose(1, 2)
        size = (self.grid[0] * self.patch, self.grid[1] * self.patch)
        image = nn.functional.fold(pixels.float(), size, self.patch, stride=self.patch)
        if self.shape.convolutions:
            # The memory format in which CPUs take two thirds of the time; the numbers are the same to rounding.
            image = image + self.convolutions(image.contiguous(memory_format=channels_last))
        return image + 0.5

    def save(self, folder: str | Path) -> None:
        """Write weights and sizes to `folder`."""
        save_model(folder, self, self.sizes())

    def sizes(self) -> dict[str, Any]:
        """All that a decoder is built from."""
        shape = {key: getattr(self.shape, key) for key in DecoderShape.model_fields}
        return {
            "decoder": shape,
            "state_width": self.embed.in_features,
            "grid": list(self.grid),
            "patch": self.patch,
        }

    @classmethod
    def untrained(cls, folder: str | Path) -> Self:
        """A decoder of the sizes of the one that is saved in `folder`.

        Raises:
            LamoError: config.json is missing, damaged or of another model.
        """
        saved = load_config(folder)
        try:
            # Earlier versions had no convolutions, and saved the settings of the training beside the sizes.
            known = {"convolutions": 0, **saved["decoder"]}
            shape = DecoderShape.model_validate({key: known[key] for key in DecoderShape.model_fields})
            rows, columns = saved["grid"]
            return cls(shape, saved["state_width"], (rows, columns), saved["patch"])
        except (KeyError, TypeError, ValueError) as error:
            found = " ".join(f"{type(error).__name__}: {error}".split())
            raise LamoError(
                f"{Path(folder) / CONFIG}: not the settings of a decoder of this version ({found}); run stage 04 again"
            ) from None

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The decoder saved in `folder`, in eval mode.

        Raises:
            LamoError: a file is missing, damaged or of another model.
        """
        model = cls.untrained(folder)
        load_weights(folder, model)
        return model.eval().requires_grad_(False)


def convolutions(number: int) -> nn.Sequential:
    """`number` 3 x 3 convolutions of images [B, 3, H, W], with GELU between them; the last one starts at zero."""
    layers: list[nn.Module] = []
    widths = [3, *[CHANNELS] * (number - 1), 3] if number else []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.GELU()]
    if layers:
        layers.pop()
        for parameter in layers[-1].parameters():
            nn.init.zeros_(parameter)
    return nn.Sequential(*layers)
