"""Futures of one instant: the past is the same to the last bit, what chance decides afterwards is not."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.world.forks import WAYS
from lamo.world.render import render
from lamo.world.simulation import Drive, WorldConfig, clip_seed, futures, simulate

KINDS = {"": "", "junction": "junctions", "light": "lights", "lead": "leads"}


def config(kind: str) -> WorldConfig:
    return WorldConfig(seconds=8.0, choice_seconds=20.0 if kind else 2.0, forks={KINDS[kind]: 1.0} if kind else {})


def before_a_fork(kind: str) -> tuple[WorldConfig, Drive, int, int]:
    """A drive, one of its forks, and the last frame before the choice there."""
    world = config(kind)
    for index in range(40):
        drive = simulate(world, clip_seed(world, "train", index))
        fork = 0
        if kind and 60 < drive.forks.frame[fork] < len(drive) - 60:
            return world, drive, fork, int(drive.forks.frame[fork]) - 1
        if not kind:
            return world, drive, fork, 100
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_the_past_are_the_same_to_the_byte_and_those_of_the_future_differ(kind):
    world, drive, fork, frame = before_a_fork(kind)
    after = futures(world, drive.seed, frame, 8)
    past = render(drive, world, np.arange(frame - 40, frame + 1))
    later = [render(one, world, [frame + 45])[0].astype(int) for one in (drive, *after)]
    for one in after:
        assert len(one) == len(drive)
        for name, values in vars(drive).items():
            if isinstance(values, np.ndarray) and len(values) == len(drive) and name != "curvature_ahead":
                np.testing.assert_array_equal(getattr(one, name)[: frame + 1], values[: frame + 1], err_msg=name)
        np.testing.assert_array_equal(render(one, world, np.arange(frame - 40, frame + 1)), past)
    apart = [np.abs(one - other).mean() for index, one in enumerate(later) for other in later[:index]]
    assert max(apart) > 4
    if kind:
        assert len({int(one.forks.way[fork]) for one in after}) == len(WAYS[kind])


def test_futures_are_a_function_of_seed_frame_and_number_and_end_where_they_are_told_to():
    world, drive, _, frame = before_a_fork("junction")
    one, again = (futures(world, drive.seed, frame, 3, until=frame + 20)[2] for _ in range(2))
    assert len(one) == frame + 20
    np.testing.assert_array_equal(one.heading, again.heading)
    whole = futures(world, drive.seed, frame, 3)[2]
    np.testing.assert_array_equal(whole.heading[: frame + 20], one.heading)
    np.testing.assert_array_equal(whole.light[: frame + 20], one.light)
    world, drive, _, frame = before_a_fork("")
    one, other = (futures(world, drive.seed, at, 1, until=frame + 60)[0] for at in (frame, frame + 1))
    assert not np.array_equal(one.speed, other.speed)
    with pytest.raises(LamoError, match="found frames 240 to 240, expected them within its 240"):
        futures(world, drive.seed, 240, 1)
