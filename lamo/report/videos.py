"""Videos of rollouts side by side with the truth: frames in tiles with a label each."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from lamo.drawing import draw_text, enlarge, fit_name
from lamo.errors import LamoError
from lamo.metrics.rows import readable
from lamo.stores.atomic import replacing

_BAR, _GAP, _FOOT = 26, 6, 28
_ALIGNMENT = 32
_PAPER, _PREDICTED = "#ffffff", "#c0392b"


def rollout_video(
    path: str | Path,
    context: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    rate_hz: float,
    tile_width: int = 256,
) -> None:
    """Write one window as an H.264 MP4: first the context frames in all tiles, then truth and predictions in step.

    `context` uint8 [K + 1, H, W, 3], `truth` uint8 [T, H, W, 3], `predictions` row label -> uint8 [T, H, W, 3]. The
    video has K + 1 + T frames at `rate_hz`; a line under each tile turns red where it is predicted. One encoder thread,
    so that equal input gives an equal file. Raises `LamoError` if shapes do not agree.
    """
    for label, frames in predictions.items():
        if frames.shape != truth.shape:
            raise LamoError(f"rollout video: {label} has frames {frames.shape}, expected {truth.shape} as the truth")
    tiles = {"truth": truth, **predictions}
    pictures = []
    for i in range(len(context) + len(truth)):
        step = i - len(context)
        tiles_now = [context[i] if step < 0 else tile[step] for tile in tiles.values()]
        seconds = (step + 1) / rate_hz
        caption = f"context, {seconds:+.1f} s" if step < 0 else f"prediction, {seconds:+.1f} s"
        pictures.append(tiled(np.stack(tiles_now), list(tiles), caption, step >= 0, tile_width))
    write_mp4(path, pictures, rate_hz)


def tiled(
    frames: np.ndarray, labels: Sequence[str], caption: str, predicted: bool, tile_width: int, columns: int = 3
) -> np.ndarray:
    """One picture of a video: frames [n, H, W, 3] as tiles in a grid, a label above each, sides multiples of 32.

    The first tile is the truth. Under the others is a red line if they are `predicted`. Other sides leave row padding
    that the conversion to YUV may read: about one file in a hundred then differed.
    """
    tiles = enlarge(frames, tile_width)
    height, width = tiles.shape[1:3]
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    cell_w, cell_h = width + _GAP, _BAR + height + _GAP
    size = _GAP + columns * cell_w, rows * cell_h + _FOOT
    canvas = Image.new("RGB", (size[0] + -size[0] % _ALIGNMENT, size[1] + -size[1] % _ALIGNMENT), _PAPER)
    for i, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        x, y = _GAP + (i % columns) * cell_w, (i // columns) * cell_h
        text, points = fit_name(readable(label), 15, width, bold=i == 0)
        draw_text(canvas, (x, y + _BAR // 2), text, points, "lm", bold=i == 0)
        canvas.paste(Image.fromarray(tile), (x, y + _BAR))
        if predicted and i > 0:
            canvas.paste(_PREDICTED, (x, y + _BAR + height, x + width, y + _BAR + height + 3))
    draw_text(canvas, (_GAP, size[1] - _FOOT // 2), caption, 14, "lm", _PREDICTED if predicted else "#666666")
    return np.asarray(canvas)


def write_mp4(path: str | Path, pictures: Sequence[np.ndarray], rate_hz: float) -> None:
    """Write pictures uint8 [H, W, 3] of even sides as H.264, atomically."""
    with replacing(path) as temporary, av.open(str(temporary), mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1000))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "16", "preset": "medium", "threads": "1"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
