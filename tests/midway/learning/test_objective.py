"""What the dynamics are trained for, and the pixel losses among it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.readout import PixelReadout, contrast_loss
from lamo.midway.network import Midway

CPU = torch.device("cpu")


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.rand(2, 3, 24, 24)


def test_equal_images_have_no_difference_in_contrast(images):
    assert float(contrast_loss(images, images, 6)) == pytest.approx(0.0, abs=1e-6)


def test_no_contrast_at_all_costs_one_and_blur_something_between(images):
    grey = torch.full_like(images, 0.5)
    assert float(contrast_loss(grey, images, 6)) == pytest.approx(1.0, abs=0.02)
    blurred = F.avg_pool2d(images, 3, 1, 1)
    assert 0.3 < float(contrast_loss(blurred, images, 6)) < 0.9


def test_a_wider_window_forgives_a_small_shift_of_an_edge():
    truth = torch.zeros(1, 3, 24, 24)
    truth[..., 12:] = 1.0
    close, wide = (float(contrast_loss(truth.roll(1, -1), truth, window)) for window in (2, 8))
    assert wide < 0.75 * close


def test_a_faded_image_gets_a_gradient_towards_more_contrast(images):
    faded = (0.5 + 0.3 * (images - 0.5)).requires_grad_(True)
    contrast_loss(faded, images, 6).backward()
    with torch.no_grad():
        assert float(contrast_loss(faded - 5.0 * faded.grad, images, 6)) < float(contrast_loss(faded, images, 6))


def make(make_config):
    torch.manual_seed(0)
    model = Midway(make_config("compact"), (16, 24))
    width, patch = model.config.encoder.width, model.config.encoder.patch
    readout = PixelReadout(torch.randn(width, 3 * patch**2), torch.zeros(3 * patch**2), model.grid, patch)
    states = tuple(torch.randn(2, 3, 1 + model.grid[0] * model.grid[1], width) for _ in range(model.levels + 1))
    return model, readout, states


def test_pixels_and_contrast_enter_with_their_weights(make_config):
    model, readout, states = make(make_config)
    model.form = replace(model.form, pixel_weight=0.5, contrast_weight=2.0)
    plain = DynamicsObjective(model, None)(states, states)
    full = DynamicsObjective(model, readout)(states, states)
    early = DynamicsObjective(model, readout)(states, states, sharpen=False)
    assert "pixel" not in plain.terms
    assert float(full.terms["contrast"]) > 0
    assert early.total.item() > plain.total.item()
    assert full.total.item() > early.total.item()
    assert torch.equal(full.terms["loss_level0"], plain.terms["loss_level0"])


def test_the_total_is_the_mean_over_steps_of_the_sum_over_levels(make_config):
    model, _, states = make(make_config)
    model.eval()
    whole = DynamicsObjective(model, None)(states, states)
    levels = sum(float(value) for name, value in whole.terms.items() if name.startswith("loss_level"))
    expected = (levels + float(whole.terms["loss_last_step"])) / 2
    assert whole.total.item() == pytest.approx(expected, rel=1e-5)
