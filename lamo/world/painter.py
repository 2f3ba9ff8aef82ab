"""Painting many small antialiased shapes into many frames at once, far ones first."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BOX, ELLIPSE, TRIANGLE, CABIN = range(4)


@dataclass(frozen=True)
class Shapes:
    """P upright shapes. frame, outline (one of the constants above), layer; depth m; left, right, top, bottom in
    pixels; colour [P, 3] and opacity in 0..1. Within a frame they are painted by falling depth, then by layer."""

    frame: np.ndarray
    depth: np.ndarray
    layer: np.ndarray
    outline: np.ndarray
    left: np.ndarray
    right: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    colour: np.ndarray
    opacity: np.ndarray

    def take(self, rows: np.ndarray) -> "Shapes":
        """The shapes at `rows`, in that order."""
        return Shapes(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def join(groups: list[Shapes]) -> Shapes:
    """All shapes of several groups."""
    names = Shapes.__dataclass_fields__
    return Shapes(**{name: np.concatenate([getattr(group, name) for group in groups]) for name in names})


def paint(planes: np.ndarray, shapes: Shapes) -> None:
    """Blend the shapes into planes float32 [3, n, H, W].

    Shapes are taken in rounds: the k-th farthest of every frame at once. Within a round no pixel is met twice, so each
    round is a handful of array operations over all frames.
    """
    _, _, height, width = planes.shape
    seen = (shapes.right > 0) & (shapes.left < width) & (shapes.bottom > 0) & (shapes.top < height)
    seen &= (shapes.right - shapes.left) * (shapes.bottom - shapes.top) > 0.02
    shapes = shapes.take(np.flatnonzero(seen))
    if not len(shapes.frame):
        return
    order = np.lexsort((shapes.layer, -shapes.depth, shapes.frame))
    frame = shapes.frame[order]
    starts = np.flatnonzero(np.diff(frame, prepend=-1))
    rank = np.arange(len(frame)) - np.repeat(starts, np.diff(starts, append=len(frame)))
    shapes = shapes.take(order[np.argsort(rank, kind="stable")])
    rank = np.sort(rank)
    pixel, alpha, owner = _fragments(shapes, height, width)
    bounds = np.searchsorted(rank[owner], np.arange(rank[-1] + 2))
    flat = planes.reshape(3, -1)
    colour = [np.ascontiguousarray(shapes.colour[:, channel], dtype=np.float32)[owner] for channel in range(3)]
    for low, high in pairwise(bounds):
        where, cover = pixel[low:high], alpha[low:high]
        for channel in range(3):
            value = flat[channel].take(where)
            value += cover * (colour[channel][low:high] - value)
            flat[channel][where] = value


def _fragments(shapes: Shapes, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat pixel index, coverage and shape of every pixel that a shape touches, in the order of the shapes."""
    top = np.clip(np.floor(shapes.top), 0, height - 1).astype(np.int32)
    bottom = np.clip(np.ceil(shapes.bottom), 1, height).astype(np.int32)
    rows = np.maximum(bottom - top, 1)
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), rows)
    row = _ramp(rows) + top[owner]
    low, high = np.maximum(row, shapes.top[owner]), np.minimum(row + 1.0, shapes.bottom[owner])
    cover = np.clip(high - low, 0.0, 1.0) * shapes.opacity[owner]
    share = _width_share(shapes, owner, (low + high) / 2)
    middle = (shapes.left + shapes.right)[owner] / 2
    half = (shapes.right - shapes.left)[owner] / 2 * share
    left, right = middle - half, middle + half
    first = np.clip(np.floor(left), 0, width - 1).astype(np.int32)
    pixels = np.clip(np.ceil(right), 0, width).astype(np.int32) - first
    keep = np.flatnonzero((pixels > 0) & (cover > 0))
    span = np.repeat(np.arange(len(keep), dtype=np.int32), pixels[keep])
    column = _ramp(pixels[keep]) + first[keep][span]
    place = column.astype(np.float32)
    alpha = np.minimum(place + 1.0, right[keep].astype(np.float32)[span])
    alpha -= np.maximum(place, left[keep].astype(np.float32)[span])
    alpha *= cover[keep].astype(np.float32)[span]
    base = (shapes.frame[owner[keep]].astype(np.int32) * height + row[keep]) * width
    return base[span] + column, np.clip(alpha, 0.0, 1.0, out=alpha), owner[keep][span]


def _width_share(shapes: Shapes, owner: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Width of an outline at pixel row y as a share of its full width."""
    v = np.clip((y - shapes.top[owner]) / np.maximum(shapes.bottom - shapes.top, 1e-6)[owner], 0.0, 1.0)
    outline = shapes.outline[owner]
    return np.choose(outline, [np.ones_like(v), 2 * np.sqrt(v * (1 - v)), v, 0.62 + 0.38 * v])


def _ramp(counts: np.ndarray) -> np.ndarray:
    """0, 1, .. count - 1 for every count, joined (int32)."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int32) - np.repeat((ends - counts).astype(np.int32), counts)
