"""Text and enlarged frames, as all pictures with frames in them need."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib, so that pictures look the same whatever fonts a machine has."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def enlarge(frames: np.ndarray, tile_width: int) -> np.ndarray:
    """Frames [..., H, W, 3] enlarged to a width of about `tile_width` pixels.

    The factor is a whole number, at least 1; pixels are repeated, not smoothed.
    """
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
    """Write `text` on `canvas`.

    Args:
        place: x, y of the text; pixels.
        size: height of the font; pixels.
        anchor: which point of the text lies there, as Pillow names it ("lm": left, middle).
    """
    ImageDraw.Draw(canvas).text(place, text, fill=colour, font=font(size, bold), anchor=anchor)


def fit_text(text: str, size: int, width: int, bold: bool = False) -> int:
    """The largest font size from 8 to `size` at which `text` is at most `width` pixels wide; 8 if none is."""
    while size > 8 and font(size, bold).getlength(text) > width:
        size -= 1
    return size


def shorten(text: str, size: int, width: int, bold: bool = False) -> str:
    """`text` on one line; if it is wider than `width` pixels, its end becomes an ellipsis."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if font(size, bold).getlength(text) <= width:
        return text
    while text and font(size, bold).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
