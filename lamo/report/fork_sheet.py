"""The futures of a window shortly before a fork side by side: the truth, other true futures, and those of each row."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lamo.drawing import draw_text, enlarge, fit_name, fit_text
from lamo.metrics.rows import readable
from lamo.stores.atomic import replacing
from lamo.world.forks import WAYS

_MARGIN, _GAP, _LABEL, _TITLE = 14, 3, 204, 17
_PAPER, _GREY = "#ffffff", "#666666"
_FIRST = "now, then truth"
# Futures of a window that are shown.
_MOST = 8


def brightest(context: np.ndarray, groups: Sequence[str]) -> dict[str, int]:
    """Of each kind of fork among `groups` [W] the window whose last context frame is the brightest, and so shows most.

    `context` uint8 [W, K + 1, H, W, 3].
    """
    light = context[:, -1].mean(axis=(1, 2, 3))
    kinds = [kind for kind in WAYS if kind in groups]
    return {kind: max((w for w, group in enumerate(groups) if group == kind), key=lambda w: light[w]) for kind in kinds}


def fork_sheet(
    path: str | Path,
    context: np.ndarray,
    truth: np.ndarray,
    rows: Mapping[str, np.ndarray],
    chosen: Mapping[str, int],
    horizon_s: float,
    tile_width: int = 192,
) -> None:
    """Write a PNG with a block per chosen window: now and the truth, then a row of futures at the end for each row.

    `context` uint8 [W, K + 1, H, W, 3]; `truth` uint8 [W, T, H, W, 3]; `rows` label -> uint8 [W, S, T, H, W, 3] of
    which the first eight futures are shown at the last step, `horizon_s` after now; `chosen` kind of fork -> window.
    """
    blocks = [
        _block(kind, context[w, -1], truth[w, -1], {name: frames[w, :_MOST, -1] for name, frames in rows.items()},
               horizon_s, tile_width)
        for kind, w in chosen.items()
    ]  # fmt: skip
    if not blocks:
        blocks = [Image.new("RGB", (640, 60), _PAPER)]
        draw_text(blocks[0], (_MARGIN, 30), "no window of this run starts shortly before a fork", 16, "lm", _GREY)
    sheet = Image.new("RGB", (max(block.width for block in blocks), sum(block.height for block in blocks)), _PAPER)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def _block(
    kind: str, now: np.ndarray, truth: np.ndarray, rows: Mapping[str, np.ndarray], horizon_s: float, tile_width: int
) -> Image.Image:
    """One window: now and the truth, a row of futures per row of the run."""
    shown = {_FIRST: np.stack([now, truth]), **{readable(name): one for name, one in rows.items()}}
    tiles = {name: enlarge(frames, tile_width) for name, frames in shown.items()}
    height, width = tiles[_FIRST].shape[1:3]
    left, top = _MARGIN + _LABEL, _MARGIN + 30
    columns = max(len(frames) for frames in tiles.values())
    size = left + columns * (width + _GAP) + _MARGIN, top + len(tiles) * (height + _GAP) + _MARGIN
    block = Image.new("RGB", size, _PAPER)
    title = f"shortly before a fork: {kind}. Futures after {horizon_s:g} s, the first of the first seed."
    draw_text(block, (_MARGIN, _MARGIN + 12), title, fit_text(title, _TITLE, size[0] - 2 * _MARGIN), "lm", _GREY)
    for row, (name, frames) in enumerate(tiles.items()):
        y = top + row * (height + _GAP)
        for column, tile in enumerate(frames):
            block.paste(Image.fromarray(tile), (left + column * (width + _GAP), y))
        text, points = fit_name(name, 20, _LABEL - 10, bold=row == 0)
        draw_text(block, (_MARGIN, y + height // 2), text, points, "lm", bold=row == 0)
    return block
