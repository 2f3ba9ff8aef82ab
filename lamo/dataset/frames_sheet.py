"""The contact sheet of decoded frames: a row per clip, so that a person sees what stage 01 made of the videos."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lamo.drawing import draw_text, enlarge, short_name, shorten
from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.stores.frames import FramesStore
from lamo.video.decoded import OK, QUARANTINED, REPAIRED

CLIPS, COLUMNS, TILE_WIDTH = 24, 8, 160
_MARGIN, _GAP, _LABEL, _LINE, _TIME, _FOOTER = 14, 3, 380, 17, 16, 34
_PAPER, _GREY, _INK, _ALERT = "#ffffff", "#666666", "#111111", "#b34700"

OpenStore = Callable[[str, int], FramesStore]


def stores_by_shard(stores: Sequence[str], manifests: Sequence[str]) -> OpenStore:
    """Opens the frames store of a split and a shard, out of files that lie as <split>/<shard>.zarr."""
    places = {
        (Path(store).parent.name, int(Path(store).stem)): (store, manifest)
        for store, manifest in zip(stores, manifests, strict=True)
    }
    return cache(lambda split, shard: FramesStore(*places[split, shard]))


def choose_clips(clips: pd.DataFrame, number: int = CLIPS) -> pd.DataFrame:
    """At most `number` of the usable clips, sorted by split and id: all, or a fixed choice.

    A third at most are repaired ones, wherever they are; the rest is spread evenly over splits and shards.
    """
    usable = clips[clips["status"] != QUARANTINED].copy()
    usable["_rank"] = [_hash(split, clip_id) for split, clip_id in zip(usable["split"], usable["id"], strict=True)]
    usable = usable.sort_values("_rank")
    chosen = list(usable.index[usable["status"] == REPAIRED][: number // 3])
    taken = set(chosen)
    rounds: dict[str, list[tuple[int, int, Any]]] = {}
    for (split, shard), rows in usable[~usable.index.isin(taken)].groupby(["split", "shard"], sort=False):
        order = _hash(str(split), str(shard))
        rounds.setdefault(str(split), []).extend((turn, order, label) for turn, label in enumerate(rows.index))
    by_split = [[label for _, _, label in sorted(rounds[split])] for split in sorted(rounds)]
    mixed = [label for label in chain.from_iterable(zip_longest(*by_split)) if label is not None]
    chosen += mixed[: number - len(chosen)]
    return clips.loc[chosen].sort_values(["split", "id"])


def frames_sheet(path: str | Path, clips: pd.DataFrame, open_store: OpenStore, number: int = CLIPS) -> None:
    """Write a PNG with a row per chosen clip: what is known of it and frames spread evenly over its time.

    `clips` holds all clips (columns of `DECODED_SCHEMA`); `open_store` gives the frames store of a split and a shard.
    Raises `LamoError` if no clip is usable.
    """
    chosen = choose_clips(clips, number)
    if chosen.empty:
        raise LamoError(f"contact sheet: none of {len(clips)} clips is usable; see quarantined.csv for why")
    rows = [_row(clip, open_store(clip["split"], clip["shard"])) for clip in chosen.to_dict("records")]
    counts = clips["status"].value_counts()
    kinds = ", ".join(f"{counts.get(name, 0):,} {name}" for name in (OK, REPAIRED, QUARANTINED))
    footer = f"{len(chosen)} of {len(clips):,} clips found ({kinds})"
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width, _MARGIN + sum(row.height for row in rows) + _FOOTER), _PAPER)
    top = _MARGIN
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    draw_text(sheet, (_MARGIN, top + _FOOTER // 2), shorten(footer, 15, width - 2 * _MARGIN), 15, "lm", _GREY)
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def _row(clip: dict[Hashable, Any], store: FramesStore) -> Image.Image:
    index = store.clip_ids.index(clip["id"])
    start, end = int(store.offsets[index]), int(store.offsets[index + 1])
    places = np.unique(np.rint(np.linspace(start, end - 1, COLUMNS)).astype(int))
    tiles = enlarge(np.concatenate([store.frames[place : place + 1] for place in places]), TILE_WIDTH)
    height, width = tiles.shape[1:3]
    lines = _lines(clip)
    size = (
        2 * _MARGIN + _LABEL + COLUMNS * (width + _GAP),
        max(height + _TIME, len(lines) * _LINE) + 2 * _GAP,
    )
    row = Image.new("RGB", size, _PAPER)
    for number, (text, colour, bold) in enumerate(lines):
        place = (_MARGIN, number * _LINE + _LINE // 2)
        # The first line, in bold, is a name.
        fitted = short_name if bold else shorten
        draw_text(row, place, fitted(text, 13, _LABEL - _GAP, bold), 13, "lm", colour, bold)
    for number, (place, tile) in enumerate(zip(places, tiles, strict=True)):
        left = _MARGIN + _LABEL + number * (width + _GAP)
        row.paste(Image.fromarray(tile), (left, 0))
        time = f"{store.times[place]:.1f} s"
        draw_text(row, (left + width // 2, height + _TIME // 2 + 1), time, 11, "mm", _GREY)
    return row


def _lines(clip: dict[Hashable, Any]) -> list[tuple[str, str, bool]]:
    """What is known of a clip: text, colour and whether it is bold, of each line."""
    turned = [f"turned by {clip['rotation_deg']:g}°"] if _known(clip["rotation_deg"]) and clip["rotation_deg"] else []
    turned += ["mirrored"] if _known(clip["mirrored"]) and clip["mirrored"] else []
    picture = [clip["codec"], f"{clip['width']:g} x {clip['height']:g}", clip["pixel_format"], *turned]
    time = [f"{clip['source_fps']:.4g} fps" if _known(clip["source_fps"]) else "fps unknown"]
    time += [f"{clip['duration_s']:.1f} s"] if _known(clip["duration_s"]) else []
    lines = [
        (clip["id"], _INK, True),
        (f"{clip['split']}, shard {clip['shard']}: {clip['status']}", _INK if clip["status"] == OK else _ALERT, False),
        (", ".join(part for part in picture if _known(part)), _GREY, False),
        (", ".join([*time, f"{clip['frames']} frames kept"]), _GREY, False),
    ]
    return lines + ([(clip["reason"], _ALERT, False)] if clip["reason"] else [])


def _known(value: Any) -> bool:
    return not pd.isna(value)


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "little")
