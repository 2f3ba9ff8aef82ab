"""Oracle rollouts of a network in training, and the pixels that are read from them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from lamo.images import to_input
from lamo.midway.learning.validation import BLUR_SIGMAS, Validation
from lamo.midway.network import Midway
from lamo.stores.windows import Windows

CPU = torch.device("cpu")


@pytest.fixture
def model(make_config):
    torch.manual_seed(0)
    return Midway(make_config("compact"), (16, 24))


def validation(model, clips, frozen=True):
    return Validation(model, clips(3, 12), clips(3, 12, 7), 0, CPU, False, frozen)


def psnr(images, truth):
    error = np.square(images.clip(0, 1) - truth).mean(axis=(1, 2, 3))
    return float((-10 * np.log10(error)).mean())


def test_it_measures_the_rollout_that_it_says(model, clips):
    check = validation(model, clips)
    values = check()
    assert model.training
    model.eval()
    with torch.no_grad():
        z = [model.encode(check.images[:, t], "teacher") for t in range(9)]
        motion = [model.inverse(z[t], z[t + 1]) for t in range(8)]
        oracle = shuffled = z[0]
        for t in range(8):
            oracle, shuffled = model.step(oracle, motion[t]), model.step(shuffled, motion[t].roll(check.away, 0))
        oracle, shuffled = (check.readout(state[0]).numpy() for state in (oracle, shuffled))
    truth = check.truth[:, 8].numpy()
    assert values["oracle_psnr_step8"] == pytest.approx(psnr(oracle, truth), abs=1e-3)
    assert values["swap_gap_db_step8"] == pytest.approx(psnr(oracle, truth) - psnr(shuffled, truth), abs=1e-3)
    energy = [
        sum(np.square(np.diff(x, axis=a)).mean(axis=(1, 2, 3)) for a in (2, 3)) for x in (oracle.clip(0, 1), truth)
    ]
    assert values["sharpness_step8"] == pytest.approx(float((energy[0] / energy[1]).mean()), rel=1e-3)


def test_the_blurred_persistence_is_the_best_of_the_blurs(model, clips):
    check = validation(model, clips)
    last, truth = check.truth[:, 0].numpy(), check.truth[:, 3].numpy()
    best = max(psnr(gaussian_filter(last, (0, 0, s / 2, s / 2), mode="reflect"), truth) for s in BLUR_SIGMAS)
    assert check.blurred[3] == pytest.approx(best, abs=0.05)
    assert check.blurred[3] >= psnr(last, truth)


def test_a_frozen_encoder_is_read_by_one_fit_and_one_that_trains_by_a_new_one_each_time(model, clips):
    for frozen in (True, False):
        check = validation(model, clips, frozen)
        check()
        first = check.readout
        check()
        assert (check.readout is first) == frozen


def test_the_readout_recovers_pixels_that_the_tokens_hold(model, clips):
    frames = Windows(clips(3, 12), 1)
    images = to_input(frames.read(np.arange(8))[:, 0])
    with torch.no_grad():
        model.teacher.blocks = torch.nn.ModuleList(torch.nn.Identity() for _ in model.teacher.blocks)
        model.teacher.pos_embed.zero_()
    check = validation(model, clips)
    check()
    read = check.readout(model.encode(images)[0])
    truth = frames.read(np.arange(8))[:, 0].transpose(0, 3, 1, 2) / 255
    assert read.shape == truth.shape
    assert float(np.square(read.detach().numpy() - truth).mean()) < 0.5 * truth.var()
