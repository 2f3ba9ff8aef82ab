"""Futures of a video as a file: a moving picture beside what was observed, or the arrays.

Shapes: C observed frames, S futures, T steps, G true frames after the observed ones (0 to T), H and W height and width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from PIL import Image

from lamo.errors import LamoError
from lamo.report.videos import tiled, write_mp4
from lamo.stores.atomic import replacing

# Tiles in a row: up to six fit beside each other in two rows of three.
FEW, COLUMNS, MORE_COLUMNS = 6, 3, 4
# Arrays of a file of arrays.
NAMES = ("observed", "futures", "truth", "times_s")
# How much of a frame is left where the video has ended.
FADED = 0.3


@dataclass(frozen=True)
class Shown:
    """What is shown: uint8 frames, `observed` [C, H, W, 3], `futures` [S, T, H, W, 3], `truth` [G, H, W, 3], at
    `rate_hz` frames per second."""

    observed: np.ndarray
    futures: np.ndarray
    truth: np.ndarray
    rate_hz: float


def check_output(path: str | Path) -> Path:
    """`path`, if futures can be written there.

    Raises:
        LamoError: its ending is not known, its folder does not exist, or what lies there is no futures of before.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise LamoError(f"{path}: found the ending {path.suffix!r}, expected one of {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise LamoError(f"{path}: found no folder {path.parent}, expected one to write to; make it first")
    if path.is_dir() and not (path.suffix.lower() == ".zarr" and _is_ours(path)):
        raise LamoError(f"{path}: found a folder, expected nothing or futures of before; give another name")
    return path


def _is_ours(store: Path) -> bool:
    """Whether a folder is a store of futures, which may be replaced."""
    return {entry.name for entry in store.iterdir()} == {"zarr.json", *NAMES}


def write_futures(path: str | Path, shown: Shown, tile_width: int = 256) -> None:
    """Write `path` as its ending says, whole or not at all.

    Raises:
        LamoError: as `check_output`, or it cannot be written, as on a full disk.
    """
    path = check_output(path)
    try:
        WRITERS[path.suffix.lower()](path, shown, tile_width)
    except OSError as error:
        raise LamoError(f"{path}: cannot be written ({error}); make room, or give another name") from error


def pictures(shown: Shown, tile_width: int) -> list[np.ndarray]:
    """The pictures of a video: what was observed in all tiles, then the futures in step beside what happened.

    Where the video has ended, its tile stays at the last frame and fades.
    """
    count, steps = shown.futures.shape[:2]
    labels = ["video", *(f"future {number}" for number in range(1, count + 1))]
    columns = COLUMNS if len(labels) <= FEW else MORE_COLUMNS
    known = np.concatenate([shown.observed, shown.truth])
    drawn = []
    for index in range(len(shown.observed) + steps):
        step = index - len(shown.observed)
        own = known[index] if index < len(known) else _faded(known[-1])
        tiles = [own, *([own] * count if step < 0 else shown.futures[:, step])]
        seconds = (step + 1) / shown.rate_hz
        caption = f"{'observed' if step < 0 else 'predicted'}, {seconds:+.1f} s"
        drawn.append(tiled(np.stack(tiles), labels, caption, step >= 0, tile_width, columns))
    return drawn


def _faded(frame: np.ndarray) -> np.ndarray:
    return (255 + FADED * (frame.astype(np.float32) - 255)).round().astype(np.uint8)


def _write_mp4(path: Path, shown: Shown, tile_width: int) -> None:
    write_mp4(path, pictures(shown, tile_width), shown.rate_hz)


def _write_images(path: Path, shown: Shown, tile_width: int) -> None:
    first, *others = (Image.fromarray(picture) for picture in pictures(shown, tile_width))
    with replacing(path) as temporary:
        first.save(temporary, save_all=True, append_images=others, duration=round(1000 / shown.rate_hz), loop=0)


def _write_npz(path: Path, shown: Shown, tile_width: int) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **_arrays(shown))


def _write_zarr(path: Path, shown: Shown, tile_width: int) -> None:
    with replacing(path) as temporary:
        group = zarr.open_group(str(temporary), mode="w")
        for name, values in _arrays(shown).items():
            group.create_array(name, data=values)


def _arrays(shown: Shown) -> dict[str, Any]:
    times_s = np.arange(1, shown.futures.shape[1] + 1) / shown.rate_hz
    return dict(zip(NAMES, (shown.observed, shown.futures, shown.truth, times_s), strict=True))


WRITERS: dict[str, Callable[[Path, Shown, int], None]] = {
    ".mp4": _write_mp4,
    ".gif": _write_images,
    ".webp": _write_images,
    ".npz": _write_npz,
    ".zarr": _write_zarr,
}
