"""Between stored frames and network inputs, and the latent state that later stages see."""

import numpy as np
import pytest
import torch

from lamo.errors import LamoError
from lamo.images import MEAN, STD, to_input, to_uint8, to_unit
from lamo.midway.state import state_tokens


def test_frames_come_back_from_the_unit_range():
    frames = np.arange(256, dtype=np.uint8).reshape(1, 2, 8, 16, 1).repeat(3, axis=-1)
    unit = to_unit(frames)
    assert unit.shape == (1, 2, 3, 8, 16)
    assert (float(unit.min()), float(unit.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(to_uint8(unit), frames)


def test_pixels_out_of_range_are_clamped_and_others_rounded():
    image = torch.tensor([-0.5, 1.5, 100.4 / 255, 100.6 / 255]).view(1, 2, 2).expand(3, -1, -1)
    assert to_uint8(image)[..., 0].tolist() == [[0, 255], [100, 101]]


def test_inputs_have_the_published_normalisation_per_channel():
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    images = to_input(frames)
    expected = (frames / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)


def test_the_state_is_the_patches_of_the_chosen_levels_side_by_side():
    z = tuple(torch.randn(2, 7, 5) for _ in range(3))
    state = state_tokens(z, (2, 0))
    assert state.shape == (2, 6, 10)
    assert torch.equal(state[..., :5], z[2][:, 1:])
    assert torch.equal(state[..., 5:], z[0][:, 1:])


@pytest.mark.parametrize("level", [3, -1])
def test_levels_that_the_pyramid_has_not_are_named(level):
    with pytest.raises(LamoError, match=r"latents\.levels: .*expected pyramid levels 0 to 2"):
        state_tokens(tuple(torch.randn(2, 7, 5) for _ in range(3)), (0, level))
