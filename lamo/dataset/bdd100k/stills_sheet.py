"""Stills beside decoded frames: the pairs that agree least, and some others."""

import hashlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lamo.dataset.bdd100k.stills import AT_S, MATCH, NO_FRAME, UNREADABLE, fit_still, load_still, nearest
from lamo.dataset.bdd100k.stills_table import worst_first
from lamo.dataset.frames_sheet import OpenStore
from lamo.drawing import draw_text, enlarge, short_name, shorten
from lamo.stores.atomic import replacing
from lamo.stores.frames import FramesStore

PAIRS, TILE_WIDTH = 12, 192
_MARGIN, _GAP, _LABEL, _LINE, _HEADER = 14, 4, 300, 18, 26
_PAPER, _GREY, _INK, _ALERT = "#ffffff", "#666666", "#111111", "#b34700"


def choose_stills(stills: pd.DataFrame, number: int = PAIRS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `number` worst of the compared stills, and as many others, a fixed random choice."""
    compared = stills[~stills["verdict"].isin([NO_FRAME, UNREADABLE])]
    worst = worst_first(compared).head(number)
    rest = compared.drop(worst.index)
    ranks = [hashlib.blake2b(f"{row.split}\0{row.id}".encode(), digest_size=8).digest() for row in rest.itertuples()]
    return worst, rest.assign(_rank=ranks).sort_values("_rank").drop(columns="_rank").head(number)


def stills_sheet(path: str | Path, stills: pd.DataFrame, open_store: OpenStore, fit: str, number: int = PAIRS) -> None:
    """Write a PNG of stills beside frames: left the worst, right others at random.

    Each has a row: the still as fitted, the frame nearest to second 10, the frame most like it if that is another.
    `stills` has the columns of `STILLS_SCHEMA`; `open_store` gives the frames store of a split and a shard; `fit` is
    frames.fit. Without a still that could be compared the sheet says so.
    """
    columns = []
    for title, chosen in zip(("The worst", "Others, at random"), choose_stills(stills, number), strict=True):
        rows = [_row(still, open_store(still["split"], still["shard"]), fit) for still in chosen.to_dict("records")]
        if rows:
            columns.append((f"{title}: still, frame nearest to second 10, frame most like it if another", rows))
    columns = columns or [("No still could be compared.", [Image.new("RGB", (2 * _LABEL, _LINE), _PAPER)])]
    widths = [rows[0].width for _, rows in columns]
    height = 2 * _MARGIN + _HEADER + max(sum(row.height for row in rows) for _, rows in columns)
    sheet = Image.new("RGB", (sum(widths), height), _PAPER)
    for number, (title, rows) in enumerate(columns):
        left, top = sum(widths[:number]), _MARGIN + _HEADER
        place = (left + _MARGIN, _MARGIN + _HEADER // 2)
        draw_text(sheet, place, shorten(title, 15, widths[number] - 2 * _MARGIN), 15, "lm", _GREY)
        for row in rows:
            sheet.paste(row, (left, top))
            top += row.height
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def _row(still: dict[Hashable, Any], store: FramesStore, fit: str) -> Image.Image:
    index = store.clip_ids.index(still["id"])
    start, end = int(store.offsets[index]), int(store.offsets[index + 1])
    times = store.times[start:end]
    expected = nearest(times)
    best = int(np.abs(times - AT_S - still["offset_s"]).argmin())
    frame = store.frames[start + expected : start + expected + 1]
    rows, columns = frame.shape[1:3]
    pictures = [fit_still(load_still(still["still"]), rows, columns, fit), frame[0]]
    if best != expected:
        pictures.append(store.frames[start + best : start + best + 1][0])
    tiles = enlarge(np.stack(pictures), TILE_WIDTH)
    height, width = tiles.shape[1:3]
    size = (2 * _MARGIN + _LABEL + 3 * (width + _GAP), max(height, 5 * _LINE) + 2 * _GAP)
    row = Image.new("RGB", size, _PAPER)
    lines = [
        (still["id"], _INK, True),
        (f"{still['split']}: {still['verdict']}", _INK if still["verdict"] == MATCH else _ALERT, False),
        (f"{still['orientation']}, {still['offset_s']:+.2f} s", _GREY, False),
        (f"detail {still['detail']:.3f}, at second 10 {still['detail_expected']:.3f}", _GREY, False),
        (f"luma {still['correlation']:.3f}, PSNR {still['psnr_db']:.1f} dB", _GREY, False),
    ]
    for number, (text, colour, bold) in enumerate(lines):
        place = (_MARGIN, number * _LINE + _LINE // 2)
        # The first line, in bold, is a name.
        fitted = short_name if bold else shorten
        draw_text(row, place, fitted(text, 13, _LABEL - _GAP, bold), 13, "lm", colour, bold)
    for number, tile in enumerate(tiles):
        row.paste(Image.fromarray(tile), (_MARGIN + _LABEL + number * (width + _GAP), 0))
    return row
