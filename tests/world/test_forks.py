"""Forks: the past does not tell the way, the ways differ afterwards, and the table says which was taken."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from lamo.world.forks import AMBER, GREEN, JUNCTION, LEAD, LIGHT, RED, WAYS, ForksConfig
from lamo.world.labels import labels
from lamo.world.road import TURN_RAD
from lamo.world.simulation import Drive, WorldConfig, clip_seed, futures, simulate

SHARES = {JUNCTION: "junctions", LIGHT: "lights", LEAD: "leads"}
SECOND = 30


def config(kind: str, **changes) -> WorldConfig:
    return WorldConfig(choice_seconds=20.0, forks={SHARES[kind]: 1.0}, **changes)


@cache
def drives(kind: str) -> tuple[Drive, ...]:
    world = config(kind)
    return tuple(simulate(world, clip_seed(world, "train", index)) for index in range(24))


def chosen(kind: str):
    """Drive, frame and way of every choice that is followed by two seconds."""
    for drive in drives(kind):
        for fork, (frame, way) in enumerate(zip(drive.forks.frame, drive.forks.way, strict=True)):
            if SECOND < frame < len(drive) - 2 * SECOND:
                yield drive, fork, int(frame), WAYS[kind][way]


@pytest.mark.parametrize("kind", WAYS)
def test_all_ways_are_taken_and_are_equally_likely(kind):
    ways = Counter(way for *_, way in chosen(kind))
    assert set(ways) == set(WAYS[kind])
    drive, fork, frame, _ = next(chosen(kind))
    after = futures(config(kind), drive.seed, frame - 5, 60, until=frame + 10)
    counts = np.bincount([one.forks.way[fork] for one in after], minlength=len(WAYS[kind]))
    assert counts.sum() == 60
    assert counts.min() > 60 / len(WAYS[kind]) / 2


def test_a_turn_is_one_of_seventy_degrees_at_a_walking_car_s_pace():
    turned = {way: [] for way in WAYS[JUNCTION]}
    for drive, _, frame, way in chosen(JUNCTION):
        end = np.searchsorted(drive.position, drive.position[frame] + 18)
        if end < len(drive):
            turned[way].append(drive.heading[end] - drive.heading[frame])
        assert drive.speed.max() < 6.01
    for way, angle in zip(WAYS[JUNCTION], (-TURN_RAD, 0.0, TURN_RAD), strict=True):
        np.testing.assert_allclose(turned[way], angle, atol=0.1)
    fastest = max(np.abs(drive.yaw_rate).max() for drive in drives(JUNCTION))
    assert 0.5 < fastest < 0.7


def test_cars_stop_before_a_red_light_or_pass_it():
    for drive, fork, frame, way in chosen(LIGHT):
        ahead = drive.forks.position[fork] - drive.position
        lamp = drive.forks.lamp[:, fork]
        assert (lamp[:frame] == GREEN).all()
        assert lamp[frame] == AMBER
        assert lamp[frame + int(1.5 * SECOND)] == RED
        if way == "stop":
            assert ahead[lamp == RED].min() > 0.5
            assert drive.acceleration[frame : frame + SECOND].min() < -4.5
        elif drive.speed[frame] > 9 and (drive.acceleration[frame : frame + SECOND] > -1).all():
            assert ahead[frame + 2 * SECOND - 1] < 0
    assert (np.concatenate([drive.forks.lamp[-1] for drive in drives(LIGHT)]) == GREEN).mean() > 0.5


def test_the_leader_brakes_only_once_it_has_chosen_to_and_the_ego_car_brakes_behind_it():
    for drive, _, frame, way in chosen(LEAD):
        gap, braking = drive.car_distance[:, 0], drive.car_braking[:, 0]
        assert 8 < gap[frame] < 25
        assert not drive.car_oncoming[0]
        after = slice(frame + 3, frame + SECOND)
        if way == "brake":
            assert braking[frame + 10 : frame + 25].all()
            assert drive.speed[frame + 55] < drive.speed[frame] - 2.5
        elif not braking[frame - 5 : frame].any():
            assert drive.car_speed[after, 0].min() > drive.car_speed[frame, 0] - 1.0
    assert min(drive.car_distance[:, 0].min() for drive in drives(LEAD)) > 4.5  # a car's length: they never touch


@pytest.mark.parametrize("kind", WAYS)
def test_the_table_names_the_next_fork_its_time_and_its_way(kind):
    drive = drives(kind)[0]
    table = labels(drive)
    reached = drive.forks.frame[drive.forks.frame >= 0]
    assert len(reached)
    for row in range(0, len(drive), 7):
        coming = [index for index, frame in enumerate(drive.forks.frame) if frame > row]
        if not coming:
            assert table["fork"][row] == table["fork_way"][row] == ""
            assert np.isnan(table["fork_time_s"][row])
            continue
        assert table["fork"][row] == kind
        assert table["fork_time_s"][row] == pytest.approx((drive.forks.frame[coming[0]] - row) / 30)
        assert table["fork_way"][row] == WAYS[kind][drive.forks.way[coming[0]]]
    assert table["curvature_ahead"].isna().any() == (kind == JUNCTION)


def test_drives_without_forks_say_so_and_shares_are_shares_of_the_drives():
    plain = labels(simulate(WorldConfig(seconds=1.0), 1))
    assert (plain["fork"] == "").all()
    assert (plain["fork_way"] == "").all()
    assert plain["fork_time_s"].isna().all()
    world = WorldConfig(seconds=6.0, forks={"junctions": 0.5, "leads": 0.2})
    kinds = Counter(simulate(world, clip_seed(world, "val", index)).forks.kind for index in range(60))
    assert 20 <= kinds[JUNCTION] <= 40
    assert 5 <= kinds[LEAD] <= 20
    assert kinds[LIGHT] == 0
    assert kinds[""] >= 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forks": {"junctions": 0.7, "lights": 0.4}}, "together 1.1.*at most 1 together"),
        ({"forks": {"junctions": -0.1}}, "greater than or equal to 0"),
        ({"forks": {"junctions": 0.5, "distance_m": 120.0}}, r"world\.forks\.distance_m: found 120 m.*after 72 m"),
        ({"forks": {"junctions": 0.5}, "seconds": 4.0}, r"world\.forks\.distance_m: found 35 m.*after 24 m"),
        ({"forks": {"lights": 0.5}, "seconds": 2.0}, r"world\.forks\.distance_m: found 35 m.*after 26 m"),
        ({"forks": {"lights": 0.5}, "max_speed": 8.0}, r"world\.max_speed: found 8, expected at least 10 m/s"),
        ({"forks": {"leads": 0.5}, "cars": 0}, r"world\.forks\.leads: found 0\.5 with world\.cars 0"),
        ({"forks": {"lights": 0.5}, "max_speed": 0.0}, "greater than 0"),
        ({"forks": {"distance_m": 10.0}}, "greater than or equal to 30"),
    ],
)
def test_forks_that_no_drive_could_have_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        WorldConfig(**changes)


def test_without_shares_a_drive_has_no_forks():
    assert {ForksConfig().kind(draw) for draw in np.linspace(0, 0.999, 9)} == {""}
