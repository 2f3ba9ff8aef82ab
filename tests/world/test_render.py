"""Pictures show what the labels say."""

from dataclasses import replace

import numpy as np
import pytest

from lamo.world.painter import BOX, ELLIPSE, Shapes, paint
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_seed, simulate

EMPTY = WorldConfig(seconds=6.0, cars=0, max_speed=25.0)
WORLD = WorldConfig(seconds=2.0)


def _day(config: WorldConfig, count: int):
    drives = (simulate(config, clip_seed(config, "val", index)) for index in range(40))
    return [drive for drive in drives if drive.light.min() > 0.6][:count]


def test_a_picture_does_not_depend_on_the_frames_rendered_with_it():
    drive = simulate(WORLD, 1)
    everything = render(drive, WORLD)
    assert everything.shape == (60, 64, 128, 3)
    assert everything.dtype == np.uint8
    np.testing.assert_array_equal(render(drive, WORLD, slice(0, None, 6)), everything[::6])
    np.testing.assert_array_equal(render(drive, WORLD, np.array([17, 3])), everything[[17, 3]])
    np.testing.assert_array_equal(render(simulate(WORLD, 1), WORLD), everything)


def test_small_pictures_are_the_large_ones_seen_from_afar():
    drive = simulate(WORLD, 2)
    large = render(drive, WORLD, slice(0, None, 20), 128, 256).astype(float)
    small = render(drive, WORLD, slice(0, None, 20), 32, 64)
    shrunk = large.reshape(3, 32, 4, 64, 4, 3).mean(axis=(2, 4))
    assert 10 * np.log10(255**2 / np.mean((shrunk - small) ** 2)) > 30


def test_the_horizon_pans_with_the_heading():
    """The best shift of the strip above the horizon is the focal length times the change of heading."""
    width, estimates, truths = 256, [], []
    for drive in _day(EMPTY, 6):
        frames = np.arange(0, 180, 6)
        grey = render(drive, EMPTY, frames, 128, width).astype(float).mean(axis=3)[:, 40:50]
        for index in range(len(frames) - 1):
            a, b = grey[index], grey[index + 1]
            shifts = np.arange(-24, 25)
            errors = [np.abs(a[:, 30 + s : width - 30 + s] - b[:, 30 : width - 30]).mean() for s in shifts]
            estimates.append(shifts[int(np.argmin(errors))])
            truths.append((drive.heading[frames[index + 1]] - drive.heading[frames[index]]) * width / 2 / 0.77)
    assert np.corrcoef(estimates, truths)[0, 1] > 0.9
    assert np.median(np.abs(np.array(estimates) - truths)) < 1.5


def test_the_road_moves_with_the_speed():
    change, speed = [], []
    for drive in _day(EMPTY, 8):
        pictures = render(drive, EMPTY, slice(0, None, 6)).astype(float)
        change += list(np.abs(np.diff(pictures[:, 36:], axis=0)).mean(axis=(1, 2, 3)))
        speed += list(np.diff(drive.position[::6]) / 0.2)
    change, speed = np.array(change), np.array(speed)
    assert change[speed > 10].mean() > 2.5 * change[speed < 1.5].mean()


def test_a_car_stands_where_its_labels_say():
    """Painting with and without the cars differs around the place of the nearest one, and nowhere above it."""
    config = WorldConfig(seconds=6.0, max_speed=25.0)
    checked = 0
    for drive in _day(config, 6):
        gone = replace(drive, car_distance=np.full_like(drive.car_distance, 500.0))
        for frame in range(0, 180, 45):
            cars = drive.car_distance[frame]
            if not ((cars > 8) & (cars < 25)).any() or (np.abs(cars) < 6).any():
                continue
            car = int(np.argmin(np.where((cars > 8) & (cars < 25), cars, np.inf)))
            before, after = (render(d, config, [frame], 128, 256)[0].astype(int) for d in (gone, drive))
            near = cars[car] - 2.25
            middle = drive.road.centre(drive.position[frame], near) - drive.lateral_offset[frame]
            middle += drive.car_lateral[frame, car] - near * np.tan(drive.heading_error[frame])
            column = round(128 + 128 / 0.77 * middle / near)
            if 5 < column < 250:
                rows = np.flatnonzero(np.abs(after - before)[:, column].sum(axis=1) > 30)
                bottom = 128 * 0.42 + 128 / 0.77 * (1.5 / near + 0.0035 * drive.acceleration[frame])
                assert abs(rows.max() + 1 - bottom) < 3
                checked += 1
    assert checked >= 4


def test_a_standing_camera_sees_a_standing_world():
    drive = simulate(EMPTY, 9)
    ego = ("position", "heading", "heading_error", "lateral_offset", "acceleration", "light")
    standing = replace(drive, **{name: np.full(len(drive), getattr(drive, name)[40]) for name in ego})
    pictures = render(standing, EMPTY, slice(0, None, 30))
    np.testing.assert_array_equal(pictures, pictures[:1].repeat(len(pictures), axis=0))


def test_painting_covers_fractions_of_pixels_and_far_before_near():
    def shapes(**changes) -> Shapes:
        base = {
            "frame": np.array([0, 0]),
            "depth": np.array([5.0, 9.0]),
            "layer": np.array([0, 0]),
            "outline": np.array([BOX, BOX]),
            "left": np.array([2.5, 2.0]),
            "right": np.array([4.0, 6.0]),
            "top": np.array([1.0, 1.0]),
            "bottom": np.array([2.0, 2.5]),
            "colour": np.array([[1.0, 0, 0], [0, 1.0, 0]]),
            "opacity": np.ones(2),
        }
        return Shapes(**(base | changes))

    planes = np.zeros((3, 1, 4, 8), dtype=np.float32)
    paint(planes, shapes())
    np.testing.assert_allclose(planes[0, 0, 1], [0, 0, 0.5, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(planes[1, 0, 1], [0, 0, 0.5, 0, 1, 1, 0, 0])
    np.testing.assert_allclose(planes[1, 0, 2], [0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0])
    disc = np.zeros((3, 1, 40, 40), dtype=np.float32)
    box = {"left": [5.3, 50.0], "right": [35.3, 60.0], "top": [4.8, 0.0], "bottom": [34.8, 1.0]}
    paint(disc, shapes(outline=np.array([ELLIPSE, BOX]), **{name: np.array(value) for name, value in box.items()}))
    assert disc[0].sum() == pytest.approx(np.pi * 15**2, rel=0.02)
