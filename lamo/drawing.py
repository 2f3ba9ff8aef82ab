"""Text and tiles that all pictures share."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont


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


def shorten(text: str, size: int, width: int, bold: bool = False) -> str:
    """`text` in one line, its end cut off where it is wider than `width` pixels."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if font(size, bold).getlength(text) <= width:
        return text
    while text and font(size, bold).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
