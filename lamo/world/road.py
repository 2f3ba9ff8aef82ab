"""The course of the road: curvature along its length and what a camera on it sees of it."""

from dataclasses import dataclass

import numpy as np

GRID_M = 0.5
TRANSITION_M = 14.0


@dataclass(frozen=True)
class Road:
    """Curvature (1/m) on a grid of 0.5 m, with its first and second integrals along the road (rad, m)."""

    curvature: np.ndarray
    slope: np.ndarray
    offset: np.ndarray

    def curvature_at(self, s: np.ndarray) -> np.ndarray:
        """Curvature at positions s (m), same shape."""
        return _sample(self.curvature, s)

    def centre(self, s: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Lateral place (m) of the centre line `distance` ahead, seen from the centre line at s along its tangent.

        The road is laid out to second order: the double integral of the curvature between s and s + distance.
        """
        return _sample(self.offset, s + distance) - _sample(self.offset, s) - distance * _sample(self.slope, s)


def make_road(rng: np.random.Generator, length: float, max_curvature: float) -> Road:
    """Straights and curves of random length, joined by transitions of about 14 m."""
    count = int(length / GRID_M) + 2
    curvature = np.zeros(count)
    at = 0
    while at < count:
        pieces = int(rng.uniform(25.0, 90.0) / GRID_M)
        if rng.random() < 0.75:
            curvature[at : at + pieces] = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.0) * max_curvature
        at += pieces
    kernel = np.hanning(int(TRANSITION_M / GRID_M) + 2)
    curvature = np.convolve(np.pad(curvature, len(kernel), mode="edge"), kernel / kernel.sum(), mode="same")
    curvature = curvature[len(kernel) : -len(kernel)]
    # Trapezoids keep slope and offset consistent with each other to the second order in the grid.
    slope = np.concatenate([[0.0], np.cumsum((curvature[1:] + curvature[:-1]) / 2) * GRID_M])
    offset = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2) * GRID_M])
    return Road(curvature, slope, offset)


def _sample(values: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Linear interpolation on the road's grid, held at its ends."""
    place = np.clip(np.asarray(s, dtype=np.float64) / GRID_M, 0.0, len(values) - 1.001)
    low = place.astype(np.int64)
    return values[low] + (place - low) * (values[low + 1] - values[low])
