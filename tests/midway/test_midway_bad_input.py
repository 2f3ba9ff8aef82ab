"""Images and levels that do not fit the network: clear errors."""

import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.encoder import Encoder
from lamo.midway.state import state_tokens

IMAGE = (16, 24)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.zeros(1, 3, 16, 24, dtype=torch.uint8),
            r"found torch.uint8 \(1, 3, 16, 24\), expected normalised floats",
        ),
        (torch.zeros(1, 3, 16, 24, dtype=torch.int64), "expected normalised floats"),
        (torch.zeros(3, 16, 24), r"expected normalised floats \[B, 3, H, W\]"),
        (torch.zeros(1, 1, 16, 24), r"expected normalised floats \[B, 3, H, W\]"),
        (torch.zeros(1, 3, 18, 24), r"\(18, 24\) is not a multiple of the patch 4"),
    ],
)
def test_images_of_another_kind_are_refused(model, images, message):
    for role in ("student", "teacher"):
        with pytest.raises(LamoError, match=message):
            model.encode(images, role)


def test_another_frame_size_serves_the_encoder_and_is_refused_by_the_motion_part(model):
    z = model.encode(torch.randn(1, 3, 20, 24), "student")
    assert [level.shape for level in z] == [(1, 31, 16)] * 4
    for call in (lambda: model.inverse(z, z), lambda: model.motion_loss(z, z)):
        with pytest.raises(LamoError, match=r"found 4 levels of 31 tokens, expected 4 levels of 25: .*\(16, 24\)"):
            call()


@pytest.mark.parametrize("levels", [(0, 1, 2, 4), (3, 1), (-1, 2), (1, 1)])
def test_encoder_levels_out_of_range_are_refused(make_config, levels):
    config = make_config("published", encoder={"levels": levels}).encoder
    with pytest.raises(
        LamoError, match=r"midway\.encoder\.levels: found .*, expected rising numbers of blocks, 0 to 3"
    ):
        Encoder(config, IMAGE)


@pytest.mark.parametrize("levels", [(4,), (0, -1)])
def test_state_levels_out_of_range_are_refused(make_midway, levels):
    z = make_midway("published").encode(torch.randn(1, 3, *IMAGE), "student")
    with pytest.raises(LamoError, match=r"latents\.levels: found .*, expected pyramid levels 0 to 3"):
        state_tokens(z, levels)
