"""The rollouts of the page: for some windows the true frames and those of every row, as pictures to play."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lamo.drawing import full_name
from lamo.errors import LamoError
from lamo.metrics.catalogue import metric as metric_of
from lamo.metrics.rows import is_learned, readable, row_label, rows_in_order
from lamo.report.sheet import choose_windows
from lamo.stores.rollouts import Window, read_windows
from lamo.stores.rows import RowReader

SAMPLES = 3
"""Futures of a row that are shown, at most."""
JUDGES = ("energy_score", "psnr")
"""The scores that windows are ranked by: the first that a row has."""
_QUALITY = 92


@dataclass(frozen=True)
class Row:
    """A row of the gallery: its name, its frames [W, S, T, H, W, 3], and which of its samples is shown."""

    method: str
    sampler: str
    frames: RowReader
    sample: int

    @property
    def label(self) -> str:
        """As in the table."""
        return row_label(self.method, self.sampler)


def gallery(rollouts: Path, values: pd.DataFrame, rate_hz: float, seed: int, number: int) -> dict[str, Any]:
    """What the page plays: `number` windows that move, and the best, middle and worst of each predictor.

    Frames are pictures, one for each window: a strip of context frames, one of true frames, one for each row.
    `rollouts` is the folder of stage 06, `values` the long form of all scores, `seed` the training that is shown.

    Raises:
        LamoError: a store is unfinished, damaged or has other windows than the truth.
    """
    windows = read_windows(rollouts / "truth.zarr", rollouts / "truth.manifest.json")
    truth = RowReader(rollouts / "truth.zarr" / "frames")
    context = _frames_of(rollouts / "context.zarr", windows)
    values = values[(values["seed"] == seed) | values["seed"].isna()]
    rows = list(_rows(rollouts, values, seed, windows))
    notes: dict[int, list[str]] = {}
    for index in choose_windows(context[:][:, 0], truth[:][:, 0], windows, number):
        notes.setdefault(index, [])
    for index, note in _extremes(values, windows):
        notes.setdefault(index, []).append(note)
    psnr = _psnr(values)
    return {
        "rate_hz": rate_hz,
        "height": int(truth.shape[3]),
        "width": int(truth.shape[4]),
        "context": int(context.shape[2]),
        "steps": int(truth.shape[2]),
        "rows": [
            {"name": readable(row.label), "sample": row.sample, "learned": is_learned(row.sampler)} for row in rows
        ],
        "windows": [
            {
                "name": f"{full_name(windows[index].clip_id)}, from frame {windows[index].start}",
                "note": "; ".join(note),
                "picture": _picture(
                    [context[index][0], truth[index][0], *(row.frames[index][row.sample] for row in rows)]
                ),
                "psnr": [psnr.get((row.label, row.sample, windows[index]), []) for row in rows],
            }
            for index, note in notes.items()
        ],
    }


def _rows(rollouts: Path, values: pd.DataFrame, seed: int, windows: Sequence[Window]) -> Iterator[Row]:
    """The rows of the table, with some samples of each."""
    for method, sampler in rows_in_order(zip(values["method"], values["sampler"], strict=True)):
        place = Path(method) / f"seed{seed}" / sampler if is_learned(sampler) else Path("controls") / method
        frames = _frames_of(rollouts / f"{place}.zarr", windows)
        for sample in range(min(SAMPLES, frames.shape[1])):
            yield Row(method, sampler, frames, sample)


def _frames_of(store: Path, windows: Sequence[Window]) -> RowReader:
    """The frames [W, S, T, H, W, 3] of a finished store that has these windows."""
    if read_windows(store, store.with_suffix(".manifest.json")) != list(windows):
        raise LamoError(f"{store}: found other windows than in truth.zarr, expected the same; run stage 06 again")
    return RowReader(store / "frames")


def _extremes(values: pd.DataFrame, windows: Sequence[Window]) -> Iterator[tuple[int, str]]:
    """For the first sampler of each predictor the windows in which it scores best, in the middle and worst, over all
    steps."""
    index = {(window.clip_id, window.start): number for number, window in enumerate(windows) if not window.at_fork}
    learned = values[values["sampler"].map(is_learned)]
    for _, of_predictor in learned.groupby("method", sort=False):
        rows = of_predictor[of_predictor["sampler"] == of_predictor["sampler"].iloc[0]]
        name = next((name for name in JUDGES if rows.loc[rows["metric"] == name, "value"].notna().any()), None)
        if name is None:
            continue
        of_windows = rows[(rows["metric"] == name) & rows["clip"].notna()]
        means = of_windows.groupby(["clip", "window_start"])["value"].mean().dropna().sort_values(kind="stable")
        places = [index[place] for place in means.index if place in index]
        if metric_of(name).better == "higher":
            places.reverse()
        label = readable(row_label(*rows[["method", "sampler"]].iloc[0]))
        if places:
            for words, place in (("best", 0), ("middle", len(places) // 2), ("worst", -1)):
                yield places[place], f"{words} of {label} by {metric_of(name).title}"


def _psnr(values: pd.DataFrame) -> Mapping[tuple[str, int, Window], list[float | None]]:
    """PSNR [dB] of each sample of a row in a window, step by step."""
    rows = values[(values["metric"] == "psnr") & values["clip"].notna() & values["sample"].lt(SAMPLES)]
    rows = rows.sort_values("step", kind="stable")
    found: dict[tuple[str, int, Window], list[float | None]] = {}
    columns = (rows[name] for name in ("method", "sampler", "sample", "clip", "window_start", "value"))
    for method, sampler, sample, clip, start, value in zip(*columns, strict=True):
        key = row_label(method, sampler), int(sample), Window(clip, int(start))
        found.setdefault(key, []).append(None if value != value else round(value, 1))
    return found


def _picture(strips: Sequence[np.ndarray]) -> str:
    """Strips of frames [n, H, W, 3] below each other, as the address of a JPEG picture that holds its own data.

    Colours are kept at full resolution: frames are small, and grain in them would else lose its colour.
    """
    length = max(map(len, strips))
    height, width = strips[0].shape[1:3]
    sheet = np.zeros((len(strips) * height, length * width, 3), dtype=np.uint8)
    for number, strip in enumerate(strips):
        sheet[number * height : (number + 1) * height, : len(strip) * width] = np.concatenate(list(strip), axis=1)
    return address(Image.fromarray(sheet), "JPEG", quality=_QUALITY, subsampling="4:4:4")


def address(image: Image.Image, kind: str, **options: Any) -> str:
    """The address of a picture that holds its own data, so that a page needs no other file.

    `kind` and `options` are Pillow's format and what it is saved with.
    """
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
