"""Frames that are seen during a rollout: what they put in the place of what was predicted."""

import pytest
import torch
from rollout.test_autoregressive import SAMPLER, Straight

from lamo.rollout.frozen_models import Scene
from lamo.rollout.roll import roll

BOTH = pytest.mark.parametrize("predicts", ["motion", "state"])


@pytest.fixture
def scene(models, random_clips, windows, plan):
    return Scene(models, random_clips, windows[:2], plan.history, plan.steps)


def begun(scene, predicts):
    """A rollout that goes straight on: by the last motion, or by the last change of state."""
    return roll(scene.models, scene.start(), Straight(predicts), SAMPLER[predicts], [torch.Generator()] * 2)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@BOTH
def test_after_two_frames_that_follow_each_other_the_way_between_them_goes_on(scene, predicts):
    future = begun(scene, predicts)
    for _ in range(3):
        future.step()
    for number in (2, 3):
        seen = scene.history + 1 + number
        close(future.observe(scene.z(seen)), scene.state(seen))
        ahead = future.step()
    close(ahead, 2 * scene.state(seen) - scene.state(seen - 1))


def test_after_a_single_frame_the_drawn_motion_goes_on_from_it(scene):
    """Between a state that was predicted and one that was seen no motion is inferred."""
    future = begun(scene, "motion")
    last = scene.state(scene.history) - scene.state(scene.history - 1)
    for _ in range(3):
        future.step()
    seen = scene.state(scene.history + 3)
    future.observe(scene.z(scene.history + 3))
    for steps in (1, 2):
        close(future.step(), seen + steps * last)


@BOTH
def test_the_first_frame_after_the_start_follows_one_that_was_seen(scene, predicts):
    future = begun(scene, predicts)
    future.step()
    future.observe(scene.z(scene.history + 1))
    close(future.step(), 2 * scene.state(scene.history + 1) - scene.state(scene.history))


@BOTH
def test_a_frame_can_be_given_twice(scene, predicts):
    once, twice = begun(scene, predicts), begun(scene, predicts)
    for future, times in ((once, 1), (twice, 2)):
        future.step()
        for _ in range(times):
            future.observe(scene.z(scene.history + 1))
    close(once.step(), twice.step())
