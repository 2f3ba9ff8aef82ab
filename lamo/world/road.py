"""The course of the road: curvature along its length and what a camera on it sees of it."""

from dataclasses import dataclass

import numpy as np

GRID_M = 0.5
TRANSITION_M = 14.0
# A turn at a junction, and how far the road is straight around one.
TURN_M, TURN_RAD = 13.2, 1.21
STRAIGHT_BEFORE_M, STRAIGHT_AFTER_M = 5.0, 25.0


@dataclass(frozen=True)
class Profile:
    """A road across: half its width, and where the lines of its edges and its lanes lie, m right of its centre line."""

    half_width_m: float
    edge_m: float
    lanes_m: tuple[float, ...]


FOUR_LANES = Profile(7.2, 6.9, (3.5,))
TWO_LANES = Profile(3.9, 3.6, ())


@dataclass(frozen=True)
class Road:
    """Curvature (1/m) on a grid of 0.5 m, with its first and second integrals along the road (rad, m)."""

    curvature: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    profile: Profile = FOUR_LANES

    def curvature_at(self, s: np.ndarray) -> np.ndarray:
        """Curvature at positions s (m), same shape."""
        return _sample(self.curvature, s)

    def offset_at(self, s: np.ndarray) -> np.ndarray:
        """Lateral place (m) of the road at positions s (m) against a straight line, same shape."""
        return _sample(self.offset, s)

    def centre(self, s: np.ndarray, distance: np.ndarray, driven: "Road | None" = None) -> np.ndarray:
        """Lateral place (m) of the centre line `distance` ahead, seen from the centre line at s along its tangent.

        The road is laid out to second order: the double integral of the curvature between s and s + distance. The one
        who sees it is on the road `driven` if that is another way of the same road.
        """
        driven = driven or self
        return _sample(self.offset, s + distance) - _sample(driven.offset, s) - distance * _sample(driven.slope, s)


Ways = tuple[Road, Road, Road]


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
    return _laid_out(curvature[len(kernel) : -len(kernel)])


def three_ways(road: Road, position: float) -> Ways:
    """The roads to the left, straight on and to the right from `position` (m, on the grid).

    A turn is one of 0.55 rad/s for 2.2 s at 6 m/s, with soft ends. Up to `position` the three are the same to the last
    bit. Behind it each goes on as `road` does.
    """
    length, softness = round(TURN_M / GRID_M), np.hanning(9)
    turn = np.convolve(np.ones(length), softness / softness.sum())
    turn *= TURN_RAD / (turn.sum() * GRID_M)
    ways = []
    for sign in (-1.0, 0.0, 1.0):
        curvature = road.curvature.copy()
        part = curvature[round(position / GRID_M) :][: len(turn)]
        part += sign * turn[: len(part)]
        ways.append(_laid_out(curvature, road.profile))
    return ways[0], ways[1], ways[2]


def divided_road(road: Road, positions: np.ndarray) -> Road:
    """The road with two lanes, and without its curves shortly before and after `positions` (m), where it divides."""
    curvature, s = road.curvature.copy(), np.arange(len(road.curvature)) * GRID_M
    for position in positions:
        curvature *= np.clip(np.maximum(position - STRAIGHT_BEFORE_M - s, s - position - STRAIGHT_AFTER_M) / 5, 0, 1)
    return _laid_out(curvature, TWO_LANES)


def _laid_out(curvature: np.ndarray, profile: Profile = FOUR_LANES) -> Road:
    # Trapezoids keep slope and offset consistent with each other to the second order in the grid.
    slope = np.concatenate([[0.0], np.cumsum((curvature[1:] + curvature[:-1]) / 2) * GRID_M])
    offset = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2) * GRID_M])
    return Road(curvature, slope, offset, profile)


def _sample(values: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Linear interpolation on the road's grid, held at its ends."""
    place = np.clip(np.asarray(s, dtype=np.float64) / GRID_M, 0.0, len(values) - 1.001)
    low = place.astype(np.int64)
    return values[low] + (place - low) * (values[low + 1] - values[low])
