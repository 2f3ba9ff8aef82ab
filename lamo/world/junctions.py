"""What is seen of the ways at junctions: which roads and scenery, and how clearly, from where the ego car is.

Behind a junction the world hangs on the way that is taken there, so that nothing of it is shown before the junction has
been passed. Then it comes out of the haze. So a picture depends on the ways taken so far, never on those to come.
"""

from collections.abc import Sequence

import numpy as np

from lamo.world.forks import LEFT, RIGHT, STRAIGHT, Forks, Junction
from lamo.world.road import Road, Ways
from lamo.world.scenery import Scenery, make_scenery

# Metres driven behind a junction in which the next one comes into view, and in which the ways not taken go out of it.
COMING_M, GOING_M = 10.0, (16.0, 22.0)
LAST_SCENERY_M = 100.0
ISLAND_BEHIND_M = 16.0


def build_junctions(
    seeds: Sequence[np.random.SeedSequence], positions: np.ndarray, ways: list[Ways]
) -> tuple[Junction, ...]:
    """Junctions with the scenery of each way up to the next junction; a seed for each way of each."""
    ends = np.append(positions[1:], positions[-1:] + LAST_SCENERY_M)
    junctions = []
    for index, (position, end) in enumerate(zip(positions, ends, strict=True)):
        scenery = [
            _beside(way, ways[index], position, end, np.random.default_rng(seeds[3 * index + way]))
            for way in (LEFT, STRAIGHT, RIGHT)
        ]
        junctions.append(Junction(float(position), ways[index], (scenery[0], scenery[1], scenery[2])))
    return tuple(junctions)


def _beside(way: int, ways: Ways, begin: float, end: float, rng: np.random.Generator) -> Scenery:
    """Scenery along one of the ways from `begin` to `end` (m), with nothing on the roads of the others."""
    scenery = make_scenery(rng, end - begin, ways[way].profile, cars=0).moved(begin)
    place = ways[way].offset_at(scenery.position) + scenery.lateral
    free = np.ones(len(place), dtype=bool)
    for road in ways:
        free &= np.abs(place - road.offset_at(scenery.position)) > road.profile.half_width_m + scenery.width / 2
    scenery = scenery.take(free)
    return scenery.with_islands(*_islands(ways, begin)) if way == STRAIGHT else scenery


def _islands(ways: Ways, begin: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions [2] and lateral places [2] (m) on the straight way, where it has parted from the others."""
    position = np.full(2, begin + ISLAND_BEHIND_M)
    straight = ways[STRAIGHT].offset_at(position)
    others = [ways[way].offset_at(position[:1])[0] for way in (LEFT, RIGHT)]
    return position, (np.array(others) - straight) / 2


def coming_into_view(forks: Forks, index: int, position: np.ndarray) -> np.ndarray:
    """Opacity of all that lies behind a junction, from `position` (m) along the road: same shape."""
    if index == 0:
        return np.ones_like(position)
    return np.clip((position - forks.position[index - 1]) / COMING_M, 0.0, 1.0)


def clearness(forks: Forks, index: int, way: int, position: np.ndarray) -> np.ndarray:
    """Opacity of one way of a junction, from `position` (m) along the road: same shape."""
    clear = coming_into_view(forks, index, position)
    if forks.way[index] in (-1, way):
        return clear
    gone = (position - forks.position[index] - GOING_M[0]) / (GOING_M[1] - GOING_M[0])
    return np.minimum(clear, np.clip(1.0 - gone, 0.0, 1.0))


def junctions_passed(forks: Forks, position: np.ndarray) -> np.ndarray:
    """Number of junctions that have been passed at `position` (m) along the road: int, same shape."""
    return np.searchsorted([junction.position for junction in forks.junctions], position, side="right")


def main_road(forks: Forks, passed: int) -> Road:
    """The road as it can be known when so many junctions have been passed: straight on at the next one."""
    if passed < len(forks.junctions):
        return forks.junctions[passed].ways[STRAIGHT]
    return forks.junctions[-1].ways[forks.way[-1]]


def side_roads(forks: Forks, passed: int, index: int, position: np.ndarray) -> list[tuple[Road, np.ndarray]]:
    """The ways of a junction that are in view beside the main road, and their opacity from `position` [n] (m)."""
    main = STRAIGHT if index == passed else forks.way[index]
    found = []
    for way, road in enumerate(forks.junctions[index].ways):
        clear = clearness(forks, index, way, position)
        if way != main and clear.any():
            found.append((road, clear))
    return found
