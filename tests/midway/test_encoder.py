"""The encoder: its pyramid, other resolutions, and what it refuses."""

import itertools

import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.encoder import Encoder
from lamo.midway.network_config import EncoderConfig


def encoder(image=(16, 24), **changes) -> Encoder:
    settings = {"patch": 4, "width": 16, "depth": 5, "heads": 2, "levels": (0, 2, 4)} | changes
    made = Encoder(EncoderConfig(**settings), image)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


def test_levels_are_the_normalised_stream_after_the_chosen_blocks():
    model, streams = encoder(), []
    for block in model.blocks:
        block.register_forward_hook(lambda _, inputs, output: streams.append((inputs[0], output)))
    levels = model(torch.randn(2, 3, 16, 24))
    assert [level.shape for level in levels] == [(2, 25, 16)] * 3
    for level, block in zip(levels, (0, 2, 4), strict=True):
        assert torch.equal(level, model.norm(streams[block][1]))
    # The stream itself goes on without the norm.
    for (_, output), (following, _) in itertools.pairwise(streams):
        assert torch.equal(output, following)


def test_levels_have_the_statistics_of_a_layer_norm():
    model = encoder()
    for level in model(3 * torch.randn(2, 3, 16, 24)):
        plain = (level - model.norm.bias) / model.norm.weight
        torch.testing.assert_close(plain.mean(-1), torch.zeros(2, 25), rtol=0, atol=1e-4)
        torch.testing.assert_close(plain.var(-1, correction=0), torch.ones(2, 25), rtol=1e-3, atol=1e-3)


def test_patches_stand_row_by_row_behind_the_class_token():
    model = encoder(depth=2, levels=(0, 1))
    model.blocks = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])
    image = torch.randn(1, 3, 16, 24)
    level = model(image)[1]
    row, column = 2, 5
    patch = image[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
    index = 1 + 6 * row + column
    token = (model.patch_embed.weight * patch).sum((1, 2, 3)) + model.patch_embed.bias + model.pos_embed[0, index]
    torch.testing.assert_close(level[0, index], model.norm(token))
    torch.testing.assert_close(level[0, 0], model.norm(model.cls_token[0, 0] + model.pos_embed[0, 0]))


@pytest.mark.parametrize("size", [(8, 8), (16, 20), (40, 28), (24, 24)])
def test_other_resolutions_are_encoded(size):
    levels = encoder()(torch.randn(2, 3, *size))
    assert [level.shape for level in levels] == [(2, 1 + size[0] * size[1] // 16, 16)] * 3
    assert all(level.isfinite().all() for level in levels)


def test_a_resized_position_table_keeps_constants_and_follows_ramps():
    model = encoder(image=(48, 32))  # a grid of 12 x 8
    rows = torch.arange(12.0)[:, None].expand(12, 8)
    with torch.no_grad():
        model.pos_embed[0, 1:, 0] = 5.0
        model.pos_embed[0, 1:, 1] = rows.flatten()
    model.patch_embed.weight.data.zero_()
    seen = []
    model.blocks[0].register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    model(torch.zeros(1, 3, 32, 40))  # a grid of 8 x 10
    table = seen[0][0, 1:] - model.patch_embed.bias
    torch.testing.assert_close(table[:, 0], torch.full((80,), 5.0))
    # A place of the new grid lies at (row + 0.5) / scale - 0.5 of the old one. On a ramp the cubic kernel is off by up
    # to 0.05; without the surplus of 0.1 in the scale the last of these rows would be off by 0.12.
    place = (torch.arange(8.0) + 0.5) * 12 / 8.1 - 0.5
    torch.testing.assert_close(table[:, 1].view(8, 10)[1:-1], place[1:-1, None].expand(-1, 10), rtol=0, atol=0.06)
    torch.testing.assert_close(seen[0][0, 0], model.cls_token[0, 0] + model.pos_embed[0, 0])


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 3, 16, 24, dtype=torch.uint8),
        torch.zeros(3, 16, 24),
        torch.zeros(2, 16, 24, 3),
        torch.zeros(2, 4, 3, 16, 24),
    ],
    ids=["uint8", "one image", "channels last", "clips"],
)
def test_other_types_and_shapes_are_refused(images):
    with pytest.raises(LamoError, match=r"encoder input: found torch\..* expected normalised floats"):
        encoder()(images)


@pytest.mark.parametrize("size", [(18, 24), (16, 26), (2, 24)])
def test_images_that_are_no_whole_number_of_patches_are_refused(size):
    with pytest.raises(LamoError, match="is not a multiple of the patch 4"):
        encoder()(torch.zeros(1, 3, *size))
    with pytest.raises(LamoError, match=r"midway\.encoder\.patch: 4 does not divide"):
        encoder(image=size)


def test_stochastic_depth_grows_with_depth_and_is_off_in_evaluation():
    model, images = encoder(drop_path=0.4), torch.randn(4, 3, 16, 24)
    assert [block.drop_path for block in model.blocks] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    once, again = model(images), model(images)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    model.train()
    assert not torch.equal(model(images)[-1], model(images)[-1])


@pytest.mark.parametrize("levels", [(2, 0), (0, 0, 3), (0, 5), (-1, 2)])
def test_levels_have_to_be_rising_blocks_that_exist(levels):
    with pytest.raises(LamoError, match=r"midway\.encoder\.levels: found .* expected rising .* 4"):
        encoder(levels=levels)
