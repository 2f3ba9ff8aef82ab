"""The contact sheet: truth and methods as rows, time as columns, a block per window."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lamo.drawing import draw_text, enlarge, fit_name, fit_text, font, short_name
from lamo.errors import LamoError
from lamo.images import psnr
from lamo.metrics.pixel import PSNR_CAP, to_images
from lamo.metrics.rows import readable
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import Window

_MARGIN, _GAP, _HEADER, _FOOTER, _LABEL, _TITLE = 14, 3, 30, 32, 204, 17
_PAPER, _GREY = "#ffffff", "#666666"


def choose_windows(context: np.ndarray, truth: np.ndarray, windows: Sequence[Window], number: int) -> list[int]:
    """Indices of `number` windows in which the truth moves, at most one per clip, ascending.

    Each clip offers the window in which it moves most; of these are taken those between the median and the 90th
    percentile of motion, evenly: what moves most of all is a car that fills the picture, and shows nothing.
    Motion is the mean absolute change of pixels from one true frame to the next, from the last context frame on; no
    prediction is looked at. `context` uint8 [W, K + 1, H, W, 3], `truth` uint8 [W, T, H, W, 3].
    """
    motion = []
    for before, after in zip(context[:, -1:], truth, strict=True):
        frames = np.concatenate([before, after]).astype(np.float32)
        motion.append(np.abs(np.diff(frames, axis=0)).mean())
    best: dict[str, int] = {}
    for index in np.argsort(-np.asarray(motion), kind="stable"):
        best.setdefault(windows[index].clip_id, int(index))
    offered = list(best.values())  # most motion first
    ranks = np.unique(np.rint(np.linspace(0.1, 0.5, number) * (len(offered) - 1)).astype(int))
    if len(ranks) < number:
        ranks = np.arange(min(number, len(offered)))
    return sorted(offered[rank] for rank in ranks)


def contact_sheet(
    path: str | Path,
    context: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    windows: Sequence[Window],
    chosen: Sequence[int],
    rate_hz: float,
    tile_width: int = 192,
    context_shown: int = 2,
) -> None:
    """Write a PNG with a block per chosen window: the truth with its last context frames, then one row per method.

    `context` uint8 [W, K + 1, H, W, 3]; `truth` uint8 [W, T, H, W, 3]; `predictions` row label -> uint8
    [W, T, H, W, 3], one sample each. Beside a method stands its PSNR in that window at the first, middle and last step.
    Raises `LamoError` if shapes do not agree.
    """
    for label, frames in predictions.items():
        if frames.shape != truth.shape:
            raise LamoError(f"contact sheet: {label} has frames {frames.shape}, expected {truth.shape} as the truth")
    shown = min(context_shown, context.shape[1])
    blocks = [
        _block(
            context[w, context.shape[1] - shown :],
            truth[w],
            {label: frames[w] for label, frames in predictions.items()},
            windows[w],
            rate_hz,
            tile_width,
        )
        for w in chosen
    ]
    height = sum(block.height for block in blocks) + _FOOTER + _MARGIN
    sheet = Image.new("RGB", (blocks[0].width, height), _PAPER)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    footer = (
        "First sample of the first seed, not the best. Windows of clips with more motion than half of them. "
        "Numbers: PSNR in dB of the row's frames at the first, middle and last step."
    )
    size = fit_text(footer, 16, sheet.width - 2 * _MARGIN)
    draw_text(sheet, (_MARGIN, top + _FOOTER // 2), footer, size, "lm", _GREY)
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def _block(
    context: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    window: Window,
    rate_hz: float,
    tile_width: int,
) -> Image.Image:
    """One window: title and times, the truth's row, a row per method."""
    shown, steps = len(context), len(truth)
    tiles = enlarge(np.concatenate([context, truth]), tile_width)
    height, width = tiles.shape[1:3]
    left = _MARGIN + _LABEL
    columns = [left + i * (width + _GAP) + (i >= shown) * 3 * _GAP for i in range(shown + steps)]
    top = _MARGIN + 24 + _HEADER
    size = columns[-1] + width + _MARGIN, top + (1 + len(predictions)) * (height + _GAP) + _MARGIN
    block = Image.new("RGB", size, _PAPER)
    draw_text(block, (_MARGIN, _MARGIN + 12), _title(window, size[0] - 2 * _MARGIN), _TITLE, "lm", _GREY)
    for i, column in enumerate(columns):
        name = f"{(i - shown + 1) / rate_hz:+.1f} s" if i != shown - 1 else "now"
        colour = _GREY if i < shown else "#111111"
        draw_text(block, (column + width // 2, top - _HEADER // 2), name, fit_text(name, 18, width), "mm", colour)
    for column, tile in zip(columns, tiles, strict=True):
        block.paste(Image.fromarray(tile), (column, top))
    draw_text(block, (_MARGIN, top + height // 2), "truth", 20, "lm", bold=True)
    marks = sorted({0, (steps - 1) // 2, steps - 1})
    for row, (label, frames) in enumerate(predictions.items(), start=1):
        y = top + row * (height + _GAP)
        for column, tile in zip(columns[shown:], enlarge(frames, tile_width), strict=True):
            block.paste(Image.fromarray(tile), (column, y))
        text, points = fit_name(readable(label), 20, _LABEL - 10)
        draw_text(block, (_MARGIN, y + height // 2), text, points, "lm")
        values = psnr(to_images(frames), to_images(truth), PSNR_CAP)
        numbers = " · ".join(f"{values[i]:.1f}" for i in marks) + " dB"
        room = columns[shown] - left - 3 * _GAP if shown else 0
        if room > 60:
            place = (columns[shown] - 3 * _GAP, y + height // 2)
            draw_text(block, place, numbers, fit_text(numbers, 18, room), "rm", _GREY)
    return block


def _title(window: Window, width: int) -> str:
    where = f", context from frame {window.start}"
    return short_name(window.clip_id, _TITLE, round(width - font(_TITLE).getlength(where))) + where
