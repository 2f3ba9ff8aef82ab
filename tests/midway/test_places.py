"""Neighbourhoods and regions of the patch grid, and the correlation volume over them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.midway.inverse_dynamics import correlation_volume
from lamo.midway.places import neighbourhood, region_bias

CPU = torch.device("cpu")
sides = st.integers(1, 6)


@settings(max_examples=30)
@given(height=sides, width=sides, radius=st.integers(0, 3))
def test_neighbourhoods_hold_the_places_around_each_patch(height, width, radius):
    index, inside = neighbourhood((height, width), radius, CPU)
    offsets = range(-radius, radius + 1)
    for row in range(height):
        for column in range(width):
            places = [(row + dy, column + dx) for dy in offsets for dx in offsets]
            patch = row * width + column
            valid = [0 <= y < height and 0 <= x < width for y, x in places]
            assert inside[patch].tolist() == valid
            found = [int(i) for i, ok in zip(index[patch], valid, strict=True) if ok]
            assert found == [y * width + x for (y, x), ok in zip(places, valid, strict=True) if ok]
    assert index.min() >= 0
    assert index.max() < height * width


@settings(max_examples=30)
@given(height=st.integers(2, 7), columns=st.integers(1, 4), factor=st.integers(1, 3), heads=st.integers(2, 4))
def test_regions_share_the_grid_out_among_the_tokens(height, columns, factor, heads):
    tokens, width = 2 * columns, columns * factor
    bias = region_bias((height, width), tokens, heads)
    assert bias.shape == (heads, tokens, 1 + height * width)
    assert float(bias.max()) <= 0.0
    assert not bias[:, :, 0].any()  # the class token is near to all
    assert not bias[-1].any()  # the last head sees everything
    for head in range(heads - 2):
        torch.testing.assert_close(bias[head + 1], bias[head] / 2)
    nearest = bias[0, :, 1:].view(tokens, height, width).argmax(0)
    for token in range(tokens):
        row, column = divmod(token, columns)
        own = nearest[(0 if row == 0 else height - 1), column * factor : (column + 1) * factor]
        assert (own == token).all()


@pytest.mark.parametrize("tokens", [3, 10])
def test_regions_are_mirror_symmetric(tokens):
    rows = 1 if tokens % 2 else 2
    bias = region_bias((4, 6), tokens, 2)[:, :, 1:].view(2, rows, tokens // rows, 4, 6)
    torch.testing.assert_close(bias, bias.flip(2, 4))
    torch.testing.assert_close(bias, bias.flip(1, 3))


def test_the_bias_is_the_squared_distance_in_units_of_the_spacing():
    bias = region_bias((2, 6), 3, 2)[0, :, 1:].view(3, 2, 6)
    # One row of three centres at columns 0.5, 2.5 and 4.5, two patches apart; the row lies in the middle.
    for token in range(3):
        for column in range(6):
            across, down = (column - (2 * token + 0.5)) / 2, 0.25
            assert float(bias[token, 0, column]) == pytest.approx(-4 * (across**2 + down**2))


def naive_volume(source, target, grid, radius):
    batch, patches, _ = source.shape
    side = 2 * radius + 1
    volume = torch.zeros(batch, patches, side * side)
    for b in range(batch):
        for patch in range(patches):
            row, column = divmod(patch, grid[1])
            for cell in range(side * side):
                y, x = row + cell // side - radius, column + cell % side - radius
                if 0 <= y < grid[0] and 0 <= x < grid[1]:
                    one, two = target[b, patch], source[b, y * grid[1] + x]
                    volume[b, patch, cell] = one @ two / math.sqrt(one @ one * (two @ two))
    return volume


@pytest.mark.parametrize(("grid", "radius"), [((3, 4), 1), ((2, 5), 2), ((4, 1), 3)])
def test_correlation_equals_a_naive_loop_also_at_the_borders(grid, radius):
    source, target = torch.randn(2, grid[0] * grid[1], 5), 3 * torch.randn(2, grid[0] * grid[1], 5)
    volume = correlation_volume(source, target, grid, radius)
    torch.testing.assert_close(volume, naive_volume(source, target, grid, radius), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-2, 1), (2, -2)])
def test_correlation_of_a_shifted_image_peaks_where_its_content_came_from(shift):
    field = torch.randn(1, 9, 11, 16)
    source, target = field.flatten(1, 2), field.roll(shift, dims=(1, 2)).flatten(1, 2)
    volume = correlation_volume(source, 0.5 * target, (9, 11), 2).view(9, 11, 5, 5)[2:-2, 2:-2]
    peak = (2 - shift[0]) * 5 + (2 - shift[1])
    assert (volume.flatten(2).argmax(-1) == peak).all()
    torch.testing.assert_close(volume.flatten(2)[..., peak], torch.ones(5, 7))
