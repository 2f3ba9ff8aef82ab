"""Pictures of forks: what a newcomer must be able to see in them."""

import numpy as np
import pytest

from lamo.world.forks import AMBER, GREEN, LEFT, RED, RIGHT, STRAIGHT
from lamo.world.render import render
from lamo.world.simulation import Drive, WorldConfig, clip_seed, simulate
from lamo.world.standing import LIGHT_ASIDE_M, LIGHT_BEHIND_M, LIGHT_HEIGHT_M


def _way(taken: int) -> tuple[WorldConfig, Drive, float, int]:
    """A drive by day that takes that way; where its first junction is, and when."""
    world = WorldConfig(seconds=8.0, choice_seconds=20.0, forks={"junctions": 1.0})
    for index in range(200):
        drive = simulate(world, clip_seed(world, "val", index))
        if drive.light.min() > 0.7 and drive.forks.way[0] == taken and 100 < drive.forks.frame[0] < len(drive) - 60:
            return world, drive, drive.forks.position[0], int(drive.forks.frame[0])
    raise AssertionError(taken)


@pytest.mark.parametrize("taken", [LEFT, STRAIGHT, RIGHT])
def test_the_ways_of_a_junction_are_seen_from_tens_of_metres_away_and_from_within_it(taken):
    """Grey of the road, where each way leads, and not the green of the land."""
    world, drive, position, _ = _way(taken)
    road, land = drive.style.road, drive.style.land
    for before, along in ((25.0, 16.0), (12.0, 16.0), (6.0, 12.0)):
        frame = int(np.searchsorted(drive.position, position - before))
        picture = render(drive, world, [frame], 256, 512)[0] / 255
        distance = position + along - drive.position[frame]
        row = int(256 * 0.42 + 256 / 0.77 * (1.5 / distance + 0.0035 * drive.acceleration[frame]))
        for way in drive.forks.junctions[0].ways:
            at = drive.position[frame]
            place = way.centre(at, distance, drive.road) - distance * np.tan(drive.heading_error[frame])
            column = int(256 + 256 / 0.77 * (place - drive.lateral_offset[frame] + 1.2) / distance)
            colour = picture[row, column]
            assert colour[1] - colour[2] < 0.4 * (land[1] - land[2]) + 0.6 * (road[1] - road[2]), (before, column)


@pytest.mark.parametrize("taken", [LEFT, STRAIGHT, RIGHT])
def test_nothing_jumps_where_a_junction_is_passed(taken):
    world, drive, position, _ = _way(taken)
    at = int(np.searchsorted(drive.position, position))
    pictures = render(drive, world, np.arange(at - 6, at + 6)).astype(float)
    change = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3))
    assert change[4:7].max() < 1.5 * np.median(change)


def test_the_colour_of_a_traffic_light_is_seen_from_where_it_changes():
    world = WorldConfig(choice_seconds=20.0, forks={"lights": 1.0}, cars=0)
    strongest = {GREEN: [], AMBER: [], RED: []}
    for index in range(12):
        drive = simulate(world, clip_seed(world, "val", index))
        for fork, frame in enumerate(drive.forks.frame):
            for at in (frame - 3, frame + 15, frame + 45):
                if frame < 3 or at >= len(drive):
                    continue
                ahead = drive.forks.position[fork] + LIGHT_BEHIND_M - drive.position[at]
                place = drive.road.centre(drive.position[at], ahead) + drive.road.profile.half_width_m + LIGHT_ASIDE_M
                place -= drive.lateral_offset[at] + ahead * np.tan(drive.heading_error[at])
                lamp = drive.forks.lamp[at, fork]
                up = LIGHT_HEIGHT_M * (0.43 + 0.22 * int(lamp)) - 1.5
                row = int(64 * 0.42 + 64 / 0.77 * (0.0035 * drive.acceleration[at] - up / ahead))
                column = int(64 + 64 / 0.77 * place / ahead)
                if 8 < ahead < 35 and 1 < column < 126:
                    around = render(drive, world, [at])[0, row - 1 : row + 2, column - 1 : column + 2]
                    strongest[lamp].append(around.reshape(-1, 3)[around.max(axis=2).argmax()].astype(int))
    red, green, blue = np.array(strongest[GREEN]).T
    assert len(red) > 4
    assert (green > red + 60).all()
    red, green, blue = np.array(strongest[AMBER]).T
    assert len(red) > 4
    assert ((red > blue + 90) & (green > blue + 50)).all()
    red, green, blue = np.array(strongest[RED]).T
    assert len(red) > 4
    assert (red > green + 90).all()
