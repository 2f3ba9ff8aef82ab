"""What stands still in the view: the scenery of a drive, that of the ways at junctions, and traffic lights."""

from dataclasses import dataclass

import numpy as np

from lamo.world.forks import LIGHT
from lamo.world.junctions import clearness
from lamo.world.road import Road
from lamo.world.scenery import LAMPS, Scenery
from lamo.world.simulation import SIGHT_M, Drive
from lamo.world.strips import road_centre

NEAR_M = 1.2
# Traffic lights: on both sides of the road, so far behind the line that those who stop at it see them.
LIGHT_BEHIND_M, LIGHT_ASIDE_M = 9.0, 1.0
LIGHT_WIDTH_M, LIGHT_HEIGHT_M = 1.6, 4.8


@dataclass(frozen=True)
class Seen:
    """Objects in view, a row each: index of the frame, distance m, place m right of the axis, width and height m.

    Colours `primary` and `secondary` [K, 3]; `opacity` 0 to 1.
    """

    frame: np.ndarray
    distance: np.ndarray
    place: np.ndarray
    width: np.ndarray
    height: np.ndarray
    primary: np.ndarray
    secondary: np.ndarray
    opacity: np.ndarray

    def take(self, rows: np.ndarray) -> "Seen":
        """Those at `rows`, in that order."""
        return Seen(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def standing(drive: Drive, frames: np.ndarray) -> tuple[Seen, np.ndarray]:
    """What stands in the view in the given source frames, and its kinds; frames count from 0 within `frames`."""
    groups = [_along(drive, frames, drive.scenery, drive.road, np.ones(len(frames)))]
    for index, junction in enumerate(drive.forks.junctions):
        for way in range(len(junction.ways)):
            clear = clearness(drive.forks, index, way, drive.position[frames])
            if clear.any():
                groups.append(_along(drive, frames, junction.scenery[way], junction.ways[way], clear))
    if drive.forks.kind == LIGHT:
        groups.append(_lights(drive, frames))
    seen = [group for group, _ in groups]
    whole = Seen(**{name: np.concatenate([getattr(one, name) for one in seen]) for name in Seen.__dataclass_fields__})
    return whole, np.concatenate([kind for _, kind in groups])


def _along(
    drive: Drive, frames: np.ndarray, scenery: Scenery, road: Road, clear: np.ndarray
) -> tuple[Seen, np.ndarray]:
    """Objects along a road that is seen with an opacity of `clear` [n]."""
    ego = drive.position[frames]
    low, high = np.searchsorted(scenery.position, [ego.min() + NEAR_M, ego.max() + SIGHT_M])
    distance = scenery.position[None, low:high] - ego[:, None]
    frame, item = np.nonzero((distance > NEAR_M) & (distance < SIGHT_M) & (clear > 0)[:, None])
    distance, item = distance[frame, item], item + low
    place = scenery.lateral[item] + road_centre(drive, frames[frame], distance[:, None], road)[:, 0]
    sizes = scenery.width[item], scenery.height[item]
    colours = scenery.primary[item], scenery.secondary[item]
    return Seen(frame, distance, place, *sizes, *colours, clear[frame]), scenery.kind[item]


def _lights(drive: Drive, frames: np.ndarray) -> tuple[Seen, np.ndarray]:
    """Traffic lights on both sides of the road, of the kind that their colour makes them."""
    ahead = drive.forks.position[None, :] + LIGHT_BEHIND_M - drive.position[frames, None]
    frame, light = np.nonzero((ahead > NEAR_M) & (ahead < SIGHT_M))
    distance = ahead[frame, light]
    kind = np.array(LAMPS)[drive.forks.lamp[frames[frame], light]]
    centre = road_centre(drive, frames[frame], distance[:, None])[:, 0]
    aside, count = drive.road.profile.half_width_m + LIGHT_ASIDE_M, len(frame)
    place = np.concatenate([centre - aside, centre + aside])
    size = np.full(2 * count, LIGHT_WIDTH_M), np.full(2 * count, LIGHT_HEIGHT_M)
    colour = np.zeros((2 * count, 3))
    twice = np.tile(frame, 2), np.tile(distance, 2)
    return Seen(*twice, place, *size, colour, colour, np.ones(2 * count)), np.tile(kind, 2)
