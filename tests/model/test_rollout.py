"""Futures one step at a time: what a frame that is seen meanwhile changes, and what is refused."""

import numpy as np
import pytest
import torch

import lamo
from lamo.errors import LamoError


@pytest.fixture(scope="module", params=["flow", "gmm"])
def model(model_dir, request):
    return lamo.load(model_dir, request.param, device="cpu")


@pytest.fixture
def long(frames):
    """Ten frames: four that are observed, and six that come."""
    return np.concatenate([frames, frames[2:5]])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_step_by_step_it_is_the_same_rollout(model, frames):
    whole = model.rollout(np.stack([frames, frames[::-1]]), 0.6, 2, seeded(1))
    future = model.begin(np.stack([frames, frames[::-1]]), 2, seeded(1))
    for step in range(3):
        assert future.steps == step
        states = future.step()
        assert torch.equal(states, whole.states[:, :, step])
        np.testing.assert_array_equal(model.decode(states), whole.frames[:, :, step])


def test_what_is_seen_takes_the_place_of_what_was_predicted(model, long):
    free = model.rollout(long[:4], 1.2, 3, seeded(1)).states
    futures = model.rollout(long[:4], 1.2, 3, seeded(1), observed={3: long[6]})
    assert torch.equal(futures.states[:, :2], free[:, :2])
    for sample in range(3):
        close(futures.states[sample, 2], model.encode(long[6]))
    assert (futures.states[:, 3:] - free[:, 3:]).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    np.testing.assert_array_equal(futures.frames[:, 2], model.decode(futures.states[:, 2]))


def test_after_as_many_frames_as_a_start_has_it_goes_on_as_from_a_start(model_dir, long):
    """Without chance, so that both draw the same: states and motion of the context are those of the frames seen."""
    model = lamo.load(model_dir, "gmm", "mean", device="cpu")
    future = model.begin(long[:4])
    for _ in range(2):  # nobody looks
        future.step()
    for frame in long[5:9]:
        future.observe(frame)
        ahead = future.step()
    fresh = model.begin(long[5:9])
    close(ahead, fresh.step())
    for _ in range(2):
        close(future.step(), fresh.step())


def test_one_frame_less_is_still_another_context(model_dir, long):
    model = lamo.load(model_dir, "gmm", "mean", device="cpu")
    future = model.begin(long[:4])
    for _ in range(3):
        future.step()
    for frame in long[6:9]:
        future.observe(frame)
        ahead = future.step()
    assert (ahead - model.begin(long[5:9]).step()).abs().max() > 1e-3


def test_each_clip_is_corrected_by_its_own_frame(model, frames):
    clips = np.stack([frames, frames[::-1]])
    future = model.begin(clips, 2)
    future.step()
    states = future.observe(clips[:, 0])
    for clip in range(2):
        for sample in range(2):
            close(states[clip, sample], model.encode(clips[clip, 0]))


def test_what_does_not_fit_is_refused(model, frames):
    future = model.begin(np.stack([frames, frames]), 2)
    with pytest.raises(LamoError, match="observe: found no step drawn yet"):
        future.observe(frames[:2])
    future.step()
    for wrong in (frames[0], frames[:3]):
        with pytest.raises(LamoError, match=r"observe: found frames .* expected \(2, 16, 24, 3\)"):
            future.observe(wrong)
    with pytest.raises(LamoError, match="found frames float64"):
        future.observe(frames[:2] / 255)
    with pytest.raises(LamoError, match="found frames float64"):
        model.rollout(frames, 0.6, observed={2: frames[0] / 255})
    with pytest.raises(LamoError, match="found 3 generators, expected one for each future"):
        model.rollout(frames, 0.6, 2, [seeded(0)] * 3)
    for step in (0, 4):
        with pytest.raises(LamoError, match=rf"found frames observed at steps \[{step}\], expected steps of 1 to 3"):
            model.rollout(frames, 0.6, observed={step: frames[0]})
