"""Text and enlarged frames, as all pictures with frames in them need.

A font does not have every character, a label has little room, and different characters can look alike. Names of files
are whatever people call them. So texts go through `drawable`, and names through `short_name`, which tells them apart.
"""

import hashlib
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_REGULAR, _BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
_ELLIPSIS = "…"
# Characters below this one (Latin-1) that can be seen look like no other among them.
_UNLIKE = 0x100


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from matplotlib, so that pictures look the same whatever fonts a machine has."""
    # The other layout engine is there on some machines only, and spaces letters differently.
    return ImageFont.truetype(_FONTS / (_BOLD if bold else _REGULAR), size, layout_engine=ImageFont.Layout.BASIC)


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


def drawable(text: str) -> str:
    """`text` on one line, with U+XXXX in the place of each character that the font lacks or that nobody sees."""
    shown = (" " if sign.isspace() else sign if _has(sign) else f"U+{ord(sign):04X}" for sign in text)
    return " ".join("".join(shown).split())


def shorten(text: str, size: int, width: int, bold: bool = False) -> str:
    """`text` on one line; if it is wider than `width` pixels, its end becomes an ellipsis."""
    return _cut(drawable(text), size, width, bold)


def full_name(name: str) -> str:
    """`name` as pictures show it where there is room: with a mark behind it if it could be taken for another name.

    The mark is a short hash of the name. It is needed where characters are not drawn as they are, or look like others.
    """
    plain = drawable(name) == name and all(ord(sign) < _UNLIKE for sign in name)
    return name if plain else f"{drawable(name)} {_mark(name)}".lstrip()


def short_name(name: str, size: int, width: int, bold: bool = False) -> str:
    """`name` as pictures show it, at most `width` pixels wide: a name that is cut has its mark behind it too."""
    full = full_name(name)
    if font(size, bold).getlength(full) <= width:
        return full
    mark = f" {_mark(name)}"
    room = width - font(size, bold).getlength(mark)
    return _cut(drawable(name), size, room, bold) + mark


def fit_name(name: str, size: int, width: int, bold: bool = False) -> tuple[str, int]:
    """`name` for a label of `width` pixels, and its font size: at most `size`, less before anything is cut."""
    fitting = fit_text(full_name(name), size, width, bold)
    return short_name(name, fitting, width, bold), fitting


def _cut(text: str, size: int, width: float, bold: bool) -> str:
    if font(size, bold).getlength(text) <= width:
        return text
    while text and font(size, bold).getlength(text + _ELLIPSIS) > width:
        text = text[:-1]
    return text + _ELLIPSIS


def _mark(name: str) -> str:
    return "#" + hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=3).hexdigest()


def _has(sign: str) -> bool:
    """Whether the font has a character, and it can be seen."""
    return sign.isprintable() and ord(sign) in _signs()


@cache
def _signs() -> frozenset[int]:
    """Code points that the font has, regular and bold."""
    regular, bold = (FT2Font(_FONTS / name).get_charmap() for name in (_REGULAR, _BOLD))
    return frozenset(regular) & frozenset(bold)
