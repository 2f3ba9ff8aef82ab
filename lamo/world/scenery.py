"""What stands still in the world: posts, trees, signs, houses, and the style (colours, paint, light) of a drive."""

from dataclasses import dataclass, replace

import numpy as np

from lamo.world.road import Profile

POST, BROADLEAF, CONIFER, SIGN, HOUSE, ISLAND, GREEN_LIGHT, AMBER_LIGHT, RED_LIGHT = range(9)
# In the order of their colours in `lamo.world.forks`.
LAMPS = (GREEN_LIGHT, AMBER_LIGHT, RED_LIGHT)
CAR_LENGTH_M = 4.5
# Width and height of a board on an island.
ISLAND_M = (2.4, 3.2)

_LAND = np.array([[0.34, 0.50, 0.22], [0.24, 0.42, 0.20], [0.62, 0.55, 0.33], [0.50, 0.46, 0.24]])
_ROAD = np.array([[0.30, 0.30, 0.32], [0.38, 0.37, 0.36], [0.24, 0.24, 0.27]])
_CENTRE = np.array([[0.95, 0.75, 0.10], [0.97, 0.97, 0.95]])
_CROWN = np.array([[0.13, 0.36, 0.12], [0.20, 0.44, 0.14], [0.45, 0.38, 0.10], [0.08, 0.28, 0.14]])
_SIGN = np.array([[0.10, 0.25, 0.75], [0.05, 0.50, 0.25], [0.98, 0.80, 0.05], [0.85, 0.10, 0.10], [0.95, 0.95, 0.95]])
_WALL = np.array([[0.85, 0.80, 0.70], [0.70, 0.42, 0.32], [0.92, 0.90, 0.86], [0.60, 0.60, 0.62]])
_ROOF = np.array([[0.55, 0.18, 0.12], [0.30, 0.26, 0.26]])
_CAR = np.array(
    [
        *([0.85, 0.08, 0.08], [0.08, 0.20, 0.75], [0.95, 0.95, 0.95], [0.08, 0.08, 0.09]),
        *([0.95, 0.65, 0.05], [0.55, 0.58, 0.62], [0.05, 0.45, 0.40]),
    ]
)


@dataclass(frozen=True)
class Style:
    """Colours [3] in 0..1, sizes of the paint (m) and the light of a drive; hills and clouds as harmonics [K, 3].

    A harmonic is (waves per turn, amplitude, phase in rad); hills are heights in rad above the horizon.
    """

    light: float
    land: np.ndarray
    road: np.ndarray
    centre: np.ndarray
    centre_dashed: bool
    dash_m: float
    period_m: float
    line_m: float
    hills: np.ndarray
    ridge: np.ndarray
    hill_colour: np.ndarray
    texture_shift: np.ndarray
    overcast: float


@dataclass(frozen=True)
class Scenery:
    """Objects, sorted by position. Arrays [O]: kind, position m, lateral m, width m, height m; colours [O, 3].

    The cars come last in `car_*`: width, height [C] and colours [C, 3].
    """

    kind: np.ndarray
    position: np.ndarray
    lateral: np.ndarray
    width: np.ndarray
    height: np.ndarray
    primary: np.ndarray
    secondary: np.ndarray
    car_width: np.ndarray
    car_height: np.ndarray
    car_colour: np.ndarray

    def take(self, objects: np.ndarray) -> "Scenery":
        """The chosen ones (bool [O]) of the objects, and all cars."""
        return replace(self, **{name: getattr(self, name)[objects] for name in _OBJECTS})

    def moved(self, metres: float) -> "Scenery":
        """All objects so much farther along the road."""
        return replace(self, position=self.position + metres)

    def with_islands(self, position: np.ndarray, lateral: np.ndarray) -> "Scenery":
        """With boards [K] on the islands between roads that part."""
        count = len(position)
        boards = (
            *(np.full(count, ISLAND), position, lateral, np.full(count, ISLAND_M[0]), np.full(count, ISLAND_M[1])),
            *(np.zeros((count, 3)), np.zeros((count, 3))),
        )
        order = np.argsort(np.concatenate([self.position, position]), kind="stable")
        columns = (
            np.concatenate([getattr(self, name), new])[order] for name, new in zip(_OBJECTS, boards, strict=True)
        )
        return replace(self, **dict(zip(_OBJECTS, columns, strict=True)))


_OBJECTS = ("kind", "position", "lateral", "width", "height", "primary", "secondary")


def make_style(rng: np.random.Generator) -> Style:
    """Draw the looks of a drive: six in ten by day, two at dusk, two at night."""
    part = rng.choice(3, p=[0.6, 0.2, 0.2])
    light = rng.uniform(*[(0.80, 1.0), (0.38, 0.55), (0.04, 0.14)][part])
    dash = rng.uniform(4.0, 6.0)
    return Style(
        light=float(light),
        land=_LAND[rng.integers(len(_LAND))] * rng.uniform(0.9, 1.1),
        road=_ROAD[rng.integers(len(_ROAD))] * rng.uniform(0.9, 1.1),
        centre=_CENTRE[rng.integers(len(_CENTRE))],
        centre_dashed=bool(rng.random() < 0.5),
        dash_m=float(dash),
        period_m=float(dash + rng.uniform(6.0, 8.0)),
        line_m=float(rng.uniform(0.26, 0.38)),
        hills=_harmonics(rng, [7, 11, 17, 26], 0.050),
        ridge=_harmonics(rng, [13, 19, 29, 43], 0.028),
        hill_colour=np.array([[0.30, 0.38, 0.52], [0.36, 0.40, 0.34], [0.46, 0.40, 0.38]])[rng.integers(3)],
        texture_shift=rng.uniform(0, 64, 2),
        overcast=float(rng.random() < 0.3) * rng.uniform(0.4, 0.9),
    )


def make_scenery(rng: np.random.Generator, length: float, profile: Profile, cars: int) -> Scenery:
    """Lay out `length` metres beside a road; what a kind is drawn like stands in `lamo.world.billboards`."""
    edge, groups = profile.half_width_m, []
    spacing = rng.uniform(15.0, 20.0)
    for side in (-1.0, 1.0):
        posts = np.arange(rng.uniform(0, spacing), length, spacing)
        groups.append(_group(rng, POST, posts, side * (edge + 0.9), (0.34, 0.34), (1.5, 1.7), _CAR[2:3], _CAR[:1]))
        for kind, gap, size in ((BROADLEAF, 34.0, (5.0, 9.0)), (CONIFER, 38.0, (6.0, 11.0))):
            place = _poisson(rng, length, gap)
            lateral = side * (edge + 3.2 + rng.exponential(5.0, len(place)))
            groups.append(_group(rng, kind, place, lateral, (3.0, 5.0), size, _CROWN, np.array([[0.28, 0.18, 0.10]])))
        place = _poisson(rng, length, 55.0)
        signs = side * (edge + rng.uniform(1.6, 2.6, len(place)))
        groups.append(_group(rng, SIGN, place, signs, (1.7, 2.8), (3.4, 4.4), _SIGN, _SIGN))
        place = _poisson(rng, length, 110.0)
        houses = side * (edge + rng.uniform(9.0, 16.0, len(place)))
        groups.append(_group(rng, HOUSE, place, houses, (7.0, 11.0), (5.0, 8.0), _WALL, _ROOF))
    columns = [np.concatenate(column) for column in zip(*groups, strict=True)]
    order = np.argsort(columns[1], kind="stable")
    trucks = rng.random(cars) < 0.2
    kinds, positions, laterals, widths, heights, primary, secondary = (column[order] for column in columns)
    return Scenery(
        kinds, positions, laterals, widths, heights, primary, secondary,
        car_width=np.where(trucks, 2.5, rng.uniform(1.9, 2.2, cars)),
        car_height=np.where(trucks, rng.uniform(2.7, 3.3, cars), rng.uniform(1.5, 1.9, cars)),
        car_colour=_CAR[rng.integers(0, len(_CAR), cars)],
    )  # fmt: skip


def _harmonics(rng: np.random.Generator, waves: list[int], amplitude: float) -> np.ndarray:
    size = amplitude * rng.uniform(0.5, 1.0, len(waves)) * np.sqrt(waves[0] / np.array(waves))
    return np.stack([np.array(waves, dtype=np.float64), size, rng.uniform(0, 2 * np.pi, len(waves))], axis=1)


def _poisson(rng: np.random.Generator, length: float, mean_gap: float) -> np.ndarray:
    count = rng.poisson(length / mean_gap)
    return np.sort(rng.uniform(0, length, count))


def _group(
    rng: np.random.Generator, kind: int, position: np.ndarray, lateral: np.ndarray | float,
    width: tuple[float, float], height: tuple[float, float], primaries: np.ndarray, secondaries: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    count = len(position)
    return (
        np.full(count, kind),
        position,
        np.broadcast_to(lateral, count).astype(np.float64),
        rng.uniform(*width, count),
        rng.uniform(*height, count),
        primaries[rng.integers(0, len(primaries), count)] * rng.uniform(0.85, 1.1, (count, 1)),
        secondaries[rng.integers(0, len(secondaries), count)],
    )
