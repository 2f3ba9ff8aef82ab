"""How a picture has to be turned and mirrored to stand upright, from the display matrix of a video."""

import math
from dataclasses import dataclass

import numpy as np

TOLERANCE_DEG = 1.0


@dataclass(frozen=True)
class Orientation:
    """Mirror left to right if `mirrored`, then turn by `turns` quarters counterclockwise.

    `asked_deg`: the angle that the file asks for where that is no quarter turn, else None.
    """

    turns: int = 0
    mirrored: bool = False
    asked_deg: int | None = None

    def upright(self, picture: np.ndarray) -> np.ndarray:
        """The stored picture [H, W, 3] as it is to be shown."""
        return np.ascontiguousarray(np.rot90(picture[:, ::-1] if self.mirrored else picture, self.turns))


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
    degrees = math.degrees(math.atan2(c - b, a + d))
    quarter = round(degrees / 90)
    exact = abs(degrees - 90 * quarter) <= TOLERANCE_DEG
    return Orientation(quarter % 4, mirrored, None if exact else round(degrees))
