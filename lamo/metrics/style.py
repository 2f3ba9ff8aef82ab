"""Names, colours and tiles that the pictures share."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lamo.metrics.config import LEARNED

# Okabe and Ito's palette: told apart with any colour vision
_COLOURS = {
    "truth": "#000000",
    "decoder_ceiling": "#7f7f7f",
    "oracle_motion": "#009e73",
    "flow": "#0072b2",
    "gmm": "#d55e00",
    "state": "#cc79a7",
    "constant_motion": "#e69f00",
    "shuffled_motion": "#8c6d31",
    "persistence_pixels": "#56b4e9",
    "persistence_blurred": "#9fc5e8",
    "persistence_latent": "#b0b0b0",
}
_DASHES = {
    "decoder_ceiling": (1, 1),
    "oracle_motion": (6, 1.5),
    "constant_motion": (5, 2),
    "shuffled_motion": (3, 1.5, 1, 1.5),
    "persistence_pixels": (4, 2),
    "persistence_blurred": (2, 2),
    "persistence_latent": (1, 2),
}
_MARKERS = "os^Dv"


@dataclass(frozen=True)
class LineStyle:
    """How a method is drawn in every figure: controls dashed, samplers of one predictor by marker."""

    colour: str
    dashes: tuple[float, ...]
    marker: str | None
    width: float


def line_style(method: str, position: int = 0) -> LineStyle:
    """Style of a method; `position` counts the samplers of one predictor from 0."""
    if method in LEARNED:
        return LineStyle(_COLOURS[method], (), _MARKERS[position % len(_MARKERS)], 1.8)
    return LineStyle(_COLOURS.get(method, "#444444"), _DASHES.get(method, (2, 1)), None, 1.4)


def readable(label: str) -> str:
    """A row's label as shown to people: "oracle motion", "flow-20"."""
    return label.replace("_", " ")


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib ships it, so that pictures do not depend on the fonts of a machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def enlarge(frames: np.ndarray, tile_width: int) -> np.ndarray:
    """Enlarge frames [..., H, W, 3] to about `tile_width` pixels, by a whole factor of at least 1, unsmoothed."""
    factor = max(1, round(tile_width / frames.shape[-2]))
    return frames.repeat(factor, axis=-3).repeat(factor, axis=-2)


def draw_text(
    canvas: Image.Image,
    place: tuple[int, int],
    text: str,
    size: int,
    anchor: str,
    colour: str = "#111111",
    bold: bool = False,
) -> None:
    """Write `text` on `canvas` at `place` (x, y) with Pillow's `anchor`."""
    ImageDraw.Draw(canvas).text(place, text, fill=colour, font=font(size, bold), anchor=anchor)


def fit_text(text: str, size: int, width: int, bold: bool = False) -> int:
    """Largest font size, at most `size` and at least 8, at which `text` is at most `width` pixels wide."""
    while size > 8 and font(size, bold).getlength(text) > width:
        size -= 1
    return size
