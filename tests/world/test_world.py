"""The synthetic world: reproducible, consistent with itself, and never given away by its past."""

import numpy as np
import pytest
from pydantic import ValidationError

from lamo.world.labels import labels
from lamo.world.simulation import WorldConfig, clip_seed, simulate

CONFIG = WorldConfig(max_speed=25.0)


@pytest.fixture(scope="module")
def drives():
    return [simulate(CONFIG, clip_seed(CONFIG, "train", index)) for index in range(24)]


def test_a_drive_is_a_function_of_its_seed():
    first, again, other = (simulate(CONFIG, seed) for seed in (5, 5, 6))
    for name, values in vars(first).items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(values, getattr(again, name), err_msg=name)
    assert not np.array_equal(first.speed, other.speed)


def test_seeds_differ_by_world_split_and_index():
    worlds = [WorldConfig(seed=seed) for seed in (0, 1)]
    seeds = {clip_seed(w, split, index) for w in worlds for split in ("train", "val") for index in range(200)}
    assert len(seeds) == 800
    assert clip_seed(worlds[0], "train", 3) == 6188701316825173292


def test_positions_and_headings_are_the_integrals_of_the_rates(drives):
    for drive in drives:
        dt = 1 / CONFIG.fps
        np.testing.assert_allclose(
            np.diff(drive.position), (drive.speed[1:] + drive.speed[:-1]) / 2 * dt, rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(np.diff(drive.heading), drive.yaw_rate[1:] * dt, rtol=0, atol=1e-9)
        moved = np.diff(drive.car_distance, axis=0)
        expected = (drive.car_relative_speed[1:] + drive.car_relative_speed[:-1]) / 2 * dt
        stays = np.abs(moved) < 5  # a car that left the view comes back elsewhere
        np.testing.assert_allclose(moved[stays], expected[stays], rtol=0, atol=1e-9)


def test_drives_are_physical_and_varied(drives):
    speed = np.concatenate([drive.speed for drive in drives])
    acceleration = np.concatenate([drive.acceleration for drive in drives])
    curvature = np.concatenate([drive.curvature for drive in drives])
    assert speed.min() >= 0.0
    assert speed.max() <= CONFIG.max_speed
    assert speed.std() > 3.0
    assert acceleration.min() < -3.0
    assert -7.5 < acceleration.min() <= acceleration.max() < 3.5
    assert 0.008 < np.abs(curvature).max() <= CONFIG.max_curvature
    assert all(abs(drive.lateral_offset).max() < 7.0 for drive in drives)
    lights = np.array([drive.light.mean() for drive in drives])
    assert lights.min() < 0.2
    assert lights.max() > 0.8


def test_the_same_state_has_several_futures():
    """Speed a second ahead is far from determined by speed and acceleration now."""
    drives = [simulate(CONFIG, clip_seed(CONFIG, "train", index)) for index in range(30)]
    now = np.concatenate([np.stack([d.speed, d.acceleration, d.curvature_ahead], 1)[:-48:6] for d in drives])
    later = np.concatenate([d.speed[48::6] for d in drives])
    design = np.column_stack([now, np.ones(len(now))])
    residual = later - design @ np.linalg.lstsq(design, later, rcond=None)[0]
    assert residual.std() > 1.0


def test_labels_are_one_row_per_frame_with_leads_where_there_is_one(drives):
    table = labels(drives[0], "train-00000")
    assert len(table) == len(drives[0]) == 360
    assert (table["clip"] == "train-00000").all()
    np.testing.assert_array_equal(table["speed"], drives[0].speed)
    lead = table["lead_distance"]
    assert lead.dropna().between(2.0, 80.0).all()
    assert (table["lead_lateral"].isna() == lead.isna()).all()
    assert (table["nearest_car_distance"].dropna() <= 60.0).all()
    for row in np.flatnonzero(lead.notna())[::20]:
        gaps = drives[0].car_distance[row]
        assert np.isclose(gaps, lead[row]).any()


def test_a_world_without_cars_is_possible():
    drive = simulate(WorldConfig(seconds=1.0, cars=0), 3)
    assert drive.car_distance.shape == (30, 0)
    assert labels(drive)["lead_distance"].isna().all()


@pytest.mark.parametrize("wrong", [{"heigth": 64}, {"height": 63}, {"seconds": 0}, {"cars": "many"}])
def test_wrong_keys_and_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        WorldConfig(**wrong)
