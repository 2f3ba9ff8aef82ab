"""What removes the patch grid from the images: convolutions after the patches, and a loss of gradients."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import CHANNELS, PixelDecoder
from lamo.decoder.training import DecoderRows, DecoderTask, gradient_loss
from lamo.images import blur, to_uint8
from lamo.nn.flops import build, count_flops
from lamo.training.fit import Optimisation

CPU = torch.device("cpu")
GRID, PATCH, STATE = (2, 3), 4, 5


def settings(convolutions: int, **training) -> DecoderConfig:
    size = {"depth": 1, "width": 16, "heads": 2, "convolutions": convolutions}
    return DecoderConfig.model_validate({**size, "training": {"mixed_precision": False, **training}})


def untrained(convolutions: int, seed: int = 0) -> PixelDecoder:
    torch.manual_seed(seed)
    return PixelDecoder(settings(convolutions), STATE, GRID, PATCH)


@given(convolutions=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_at_the_start_convolutions_change_nothing(convolutions, seed):
    with_them, without = untrained(convolutions, seed), untrained(0, seed)
    state = torch.randn(2, 6, STATE)
    assert torch.equal(with_them(state), without(state))
    assert len([part for part in with_them.modules() if isinstance(part, torch.nn.Conv2d)]) == convolutions


@pytest.mark.parametrize("convolutions", [1, 2, 3])
def test_a_trained_pixel_sees_as_far_as_there_are_convolutions(convolutions):
    """By a pixel for each, so across the border of its patch."""
    decoder = untrained(convolutions)
    torch.nn.init.normal_(decoder.convolutions[-1].weight)
    image = torch.zeros(1, 3, 9, 9, requires_grad=True)
    decoder.convolutions(image)[0, :, 4, 4].sum().backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    assert (rows.min(), rows.max()) == (4 - convolutions, 4 + convolutions)


@pytest.mark.parametrize("convolutions", [1, 2, 4])
def test_operations_of_the_convolutions_are_counted(convolutions):
    def make(number):
        def run(batch):
            decoder = build(lambda: untrained(number)).requires_grad_(False)
            state = torch.zeros(batch, 6, STATE)
            return lambda: decoder(state)

        return run

    channels = [3, *[CHANNELS] * (convolutions - 1), 3]
    products = sum(9 * before * after for before, after in pairwise(channels)) * 8 * 12
    assert count_flops(make(convolutions), 7) - count_flops(make(0), 7) == 2 * 7 * products


def test_equal_images_have_no_gradient_loss_and_a_slope_has_its_own():
    images = torch.rand(2, 3, 8, 12)
    assert gradient_loss(images, images) == 0
    assert gradient_loss(images + 0.3, images) < 1e-6
    slope = images + 0.5 * torch.arange(8.0)[:, None] - 2 * torch.arange(12.0)
    assert gradient_loss(slope, images).item() == pytest.approx(0.5 + 2, rel=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_patch_grid_costs_more_than_a_smooth_error_of_the_same_size(seed):
    """A colour for each patch, against colours that change over the length of a patch without its lines."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.rand(2, 3, 32, 64, generator=random)
    colours = torch.randn(2, 3, 32 // PATCH, 64 // PATCH, generator=random)
    grid = F.interpolate(colours, scale_factor=PATCH, mode="nearest")
    smooth = blur(torch.randn(truth.shape, generator=random), PATCH)
    smooth = smooth * (grid.square().mean() / smooth.square().mean()).sqrt()
    torch.testing.assert_close(F.mse_loss(truth + grid, truth), F.mse_loss(truth + smooth, truth))
    assert gradient_loss(truth + grid, truth) > 1.5 * gradient_loss(truth + smooth, truth)


@pytest.mark.parametrize("weight", [0.0, 0.05, 2.0])
def test_the_loss_is_that_of_pixels_and_the_weighted_one_of_gradients(weight):
    task = DecoderTask(settings(2, gradient_loss=weight), STATE, GRID, PATCH, CPU)
    images, state = torch.rand(4, 3, 8, 12), torch.randn(4, 6, STATE)
    rows = DecoderRows(torch.from_numpy(to_uint8(images)), state.half())
    losses = task.loss(rows)
    predicted, truth = task.decoder(rows.states.float()), rows.frames.permute(0, 3, 1, 2) / 255
    squared = (predicted - truth).square().mean()
    gradients = sum((predicted - truth).diff(dim=axis).abs().mean() for axis in (2, 3))
    torch.testing.assert_close(losses["loss_pixels"], squared.detach())
    torch.testing.assert_close(losses["loss"], squared + weight * gradients)


def test_training_moves_every_convolution():
    """The first step moves the last one alone, which the others wait for."""
    task = DecoderTask(settings(3, learning_rate=1e-2, warmup_steps=0, weight_decay=0.0), STATE, GRID, PATCH, CPU)
    optimisation = Optimisation(task)
    rows = task.example_rows(2)
    before = {name: weight.clone() for name, weight in task.decoder.convolutions.named_parameters()}
    for index in range(3):
        optimisation.step(index, rows, 2)
    for name, weight in task.decoder.convolutions.named_parameters():
        assert not torch.equal(weight, before[name]), name
