"""Pictures of a simulated drive."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from lamo.world.billboards import shapes_of
from lamo.world.camera import make_camera, make_light
from lamo.world.ground import paint_background
from lamo.world.junctions import junctions_passed
from lamo.world.painter import paint
from lamo.world.simulation import Drive, WorldConfig

# Backgrounds are painted in blocks that fit the cache; objects in blocks that share the cost of a round of painting.
BACKGROUND_PIXELS = 1 << 17
OBJECT_FRAMES = 120


def render(
    drive: Drive,
    config: WorldConfig,
    frames: slice | np.ndarray | None = None,
    height: int | None = None,
    width: int | None = None,
) -> np.ndarray:
    """Render source frames of a drive: uint8 [n, H, W, 3].

    `frames` picks source frames (a slice, indices, or all); the size defaults to the config's. A frame's picture does
    not depend on which others are rendered with it.

    >>> from lamo.world.simulation import simulate
    >>> world = WorldConfig(seconds=2, height=32, width=64)
    >>> render(simulate(world, seed=0), world, slice(None, None, 6)).shape  # five of the 30 frames a second
    (10, 32, 64, 3)
    """
    height, width = height or config.height, width or config.width
    chosen = np.arange(len(drive))[slice(None) if frames is None else frames]
    chosen = np.atleast_1d(chosen)
    pictures = np.empty((len(chosen), height, width, 3), dtype=np.uint8)
    for start in range(0, len(chosen), OBJECT_FRAMES):
        block = slice(start, start + OBJECT_FRAMES)
        pictures[block] = _render_block(drive, chosen[block], height, width)
    return pictures


def _parts(passed: np.ndarray, most: int) -> Iterator[slice]:
    """Consecutive frames, at most so many, that have passed the same number of junctions."""
    cuts = [0, *(np.flatnonzero(np.diff(passed)) + 1), len(passed)]
    for begin, end in pairwise(cuts):
        for start in range(begin, end, most):
            yield slice(start, min(start + most, end))


def _render_block(drive: Drive, frames: np.ndarray, height: int, width: int) -> np.ndarray:
    planes = np.empty((3, len(frames), height, width), dtype=np.float32)
    step = max(1, BACKGROUND_PIXELS // (height * width))
    for part in _parts(junctions_passed(drive.forks, drive.position[frames]), step):
        camera, light = make_camera(drive, frames[part], height, width), make_light(drive, frames[part])
        paint_background(planes[:, part], drive, frames[part], camera, light)
    camera, light = make_camera(drive, frames, height, width), make_light(drive, frames)
    paint(planes, shapes_of(drive, frames, camera, light))
    planes *= 255.0
    planes += 0.5
    np.clip(planes, 0.0, 255.0, out=planes)
    return np.moveaxis(planes.astype(np.uint8), 0, -1)
