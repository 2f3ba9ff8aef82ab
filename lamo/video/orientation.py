"""How a picture has to be turned and mirrored to stand upright, from the display matrix of a video."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import av
import numpy as np

TOLERANCE_DEG = 1.0


@dataclass(frozen=True)
class Orientation:
    """Mirror left to right if `mirrored`, then turn by `turns` quarters counterclockwise.

    `asked_deg`: the angle that the file asks for where that is no quarter turn, else None. `by_angle`: whether nothing
    but that angle could be read, so that a mirror is not known of.
    """

    turns: int = 0
    mirrored: bool = False
    asked_deg: int | None = None
    by_angle: bool = False

    def upright(self, picture: np.ndarray) -> np.ndarray:
        """The stored picture [H, W, 3] as it is to be shown."""
        return np.ascontiguousarray(np.rot90(picture[:, ::-1] if self.mirrored else picture, self.turns))

    def notes(self) -> Iterator[str]:
        """What of the file's wish is not done."""
        if self.asked_deg is not None:
            nearest = f"{90 * self.turns} degrees, the nearest quarter turn"
            yield f"asks for a rotation by {self.asked_deg} degrees, turned by {nearest}"
        if self.by_angle:
            yield "mirroring cannot be read, for side data of an unknown kind"


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """How a frame asks to be shown.

    Side data of a kind that PyAV has no name for hide the others. It still knows the angle then, though not a mirror.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        return _turned(frame.rotation, by_angle=frame.rotation != 0)
    return Orientation() if matrix is None else from_matrix(np.frombuffer(cast(bytes, matrix), dtype=np.int32))


def from_matrix(matrix: np.ndarray) -> Orientation:
    """The nearest of the eight orientations to a display matrix int32 [9], row by row as ffmpeg holds it.

    A stored point (x, y), y downwards, is shown at (a x + c y, b x + d y) for a, b, c, d = matrix[0, 1, 3, 4].
    A matrix that maps everything to a line or a point says nothing about orientation.
    """
    a, b, c, d = (float(matrix[index]) for index in (0, 1, 3, 4))
    if a * d == b * c:
        return Orientation()
    mirrored = a * d < b * c
    if mirrored:
        # Undoing the mirror, x to -x before the rest, leaves a plain rotation.
        a, b = -a, -b
    # Counterclockwise as seen on the screen: there y points down.
    return _turned(math.degrees(math.atan2(c - b, a + d)), mirrored)


def _turned(degrees: float, mirrored: bool = False, by_angle: bool = False) -> Orientation:
    quarter = round(degrees / 90)
    exact = abs(degrees - 90 * quarter) <= TOLERANCE_DEG
    return Orientation(quarter % 4, mirrored, None if exact else round(degrees), by_angle)
