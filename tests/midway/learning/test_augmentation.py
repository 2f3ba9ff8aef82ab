"""Crops with one box per window, and changes of light against torchvision's for single images."""

import math

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from lamo.midway.learning.augmentation import (
    STRETCH,
    Augmentation,
    Boxes,
    Light,
    blur,
    change_colours,
    crop,
    photometric,
    random_boxes,
)
from lamo.midway.learning.config import AugmentationConfig


@pytest.fixture
def draws():
    return torch.Generator().manual_seed(3)


@pytest.fixture
def frames():
    """Four windows of three noisy frames with coloured slopes."""
    generator = torch.Generator().manual_seed(0)
    slope = torch.linspace(0.1, 0.9, 40).view(1, 1, 1, 1, 40)
    return (0.7 * slope + 0.3 * torch.rand(4, 3, 3, 24, 40, generator=generator)).clamp(0, 1)


def ramp(count: int, times: int = 1) -> torch.Tensor:
    """Windows whose channels hold the column and the row of a pixel, in 0..1 over the image, and a constant."""
    rows, columns = torch.meshgrid((torch.arange(40) + 0.5) / 40, (torch.arange(60) + 0.5) / 60, indexing="ij")
    return torch.stack([columns, rows, torch.ones(40, 60)]).expand(count, times, -1, -1, -1)


def factors(value: float) -> torch.Tensor:
    return torch.full((4,), value)


def colours(frames, **changes):
    plain = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    return change_colours(frames, **{name: factors(value) for name, value in (plain | changes).items()})


# --- boxes ---


@pytest.mark.parametrize("scale", [(0.4, 0.9), (0.05, 0.4), (0.2, 0.2)])
def test_boxes_lie_inside_the_image_with_the_area_and_shape_asked_for(scale, draws):
    boxes = random_boxes(500, scale, 0.5, draws)
    area, ratio = boxes.side.prod(1).abs(), (boxes.side[:, 0] / boxes.side[:, 1]).abs()
    assert float(area.min()) >= scale[0] - 1e-6
    assert float(area.max()) <= scale[1] + 1e-6
    assert float(area.std()) == pytest.approx((scale[1] - scale[0]) / math.sqrt(12), rel=0.1, abs=1e-6)
    assert STRETCH[0] - 1e-5 <= float(ratio.min()) < 0.8
    assert 1.2 < float(ratio.max()) <= STRETCH[1] + 1e-5
    assert float((boxes.side.abs() + boxes.centre.abs()).max()) <= 1.0 + 1e-6
    assert float(boxes.centre.std(0).min()) > 0.1
    assert 0.4 < float((boxes.side[:, 0] < 0).float().mean()) < 0.6
    assert (boxes.side[:, 1] > 0).all()


def test_a_box_of_the_whole_area_is_the_image(draws):
    boxes = random_boxes(20, (1.0, 1.0), 0.0, draws)
    torch.testing.assert_close(crop(ramp(20), boxes, (40, 60)), ramp(20), rtol=0, atol=1e-5)


def test_crops_show_what_lies_in_their_box(draws):
    boxes = random_boxes(50, (0.1, 0.5), 0.5, draws)
    crops = crop(ramp(50), boxes, (20, 30))[:, 0]
    assert crops.shape == (50, 3, 20, 30)
    torch.testing.assert_close(crops[:, 2], torch.ones(50, 20, 30))
    centre = crops[:, :2].mean((2, 3))
    torch.testing.assert_close(centre, (boxes.centre + 1.0) / 2.0, rtol=0, atol=2e-3)
    # The ramps stay ramps; a box spans 30 / 29 of the distance between its outer pixels' centres. Mirrored ones fall.
    across = (crops[:, 0, :, -1] - crops[:, 0, :, 0]).mean(1) * 30 / 29
    torch.testing.assert_close(across, boxes.side[:, 0], rtol=0.02, atol=0.01)


def test_a_box_inside_a_box_is_cut_out_of_it(draws):
    outer = random_boxes(30, (0.3, 0.6), 0.0, draws)
    inner = random_boxes(30, (0.3, 0.6), 0.5, draws)
    at_once = crop(ramp(30), inner.inside(outer), (20, 30))
    one_by_one = crop(crop(ramp(30), outer, (200, 300)), inner, (20, 30))
    torch.testing.assert_close(at_once, one_by_one, rtol=0, atol=0.01)


def test_all_frames_of_a_window_have_the_same_box_and_windows_their_own(draws):
    augment = Augmentation(AugmentationConfig(scale=(0.2, 0.4)), draws)
    crops = augment(ramp(6, times=3))
    assert crops.shape == (6, 3, 3, 40, 60)
    for t in (1, 2):
        assert torch.equal(crops[:, t], crops[:, 0])
    assert not torch.allclose(crops[1], crops[0], atol=0.05)


def test_what_moves_between_frames_moves_in_the_crop(draws):
    """A spot that moves by d pixels moves by d over the side of the box."""
    frames = torch.zeros(8, 2, 3, 40, 60)
    frames[:, 0, :, 18:22, 26:30] = 1.0
    frames[:, 1, :, 18:22, 30:34] = 1.0
    boxes = Boxes(torch.full((8, 2), 0.5), torch.zeros(8, 2))
    crops = crop(frames, boxes, (40, 60)).mean(2)
    column = torch.arange(60.0)
    first, second = ((crops[:, t].sum(1) * column).sum(1) / crops[:, t].sum((1, 2)) for t in (0, 1))
    torch.testing.assert_close(second - first, torch.full((8,), 8.0), rtol=0, atol=0.01)


# --- light ---


def test_brightness_contrast_and_saturation_are_those_of_torchvision(frames):
    for window, ours in zip(frames, colours(frames, brightness=0.8), strict=True):
        torch.testing.assert_close(ours, reference.adjust_brightness(window, 0.8), rtol=0, atol=1e-6)
    for window, ours in zip(frames, colours(frames, saturation=0.6), strict=True):
        torch.testing.assert_close(ours, reference.adjust_saturation(window, 0.6), rtol=0, atol=1e-3)
    # The mean grey is that of the window: of one frame, if there is only one.
    for window, ours in zip(frames[:, :1], colours(frames[:, :1], contrast=0.7), strict=True):
        torch.testing.assert_close(ours, reference.adjust_contrast(window, 0.7), rtol=0, atol=1e-3)


def test_no_saturation_is_grey(frames):
    grey = colours(frames, saturation=0.0, hue=0.1)
    for window, ours in zip(frames, grey, strict=True):
        torch.testing.assert_close(ours, reference.rgb_to_grayscale(window, 3), rtol=0, atol=1e-3)


def test_hue_turns_the_chroma_and_leaves_luma_and_greys():
    colour = torch.tensor([0.6, 0.4, 0.3]).view(1, 1, 3, 1, 1).expand(4, -1, -1, 2, 2)
    grey = torch.full_like(colour, 0.37)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(colours(colour, hue=1.0), colour)
    torch.testing.assert_close(colours(grey, hue=0.2), grey)
    turned = colours(colour, hue=0.25)
    torch.testing.assert_close(turned[0, 0, :, 0, 0] @ luma, colour[0, 0, :, 0, 0] @ luma)
    assert float((turned - colour).abs().max()) > 0.05
    # The same way round as torchvision, which keeps the largest channel where this keeps the luma.
    ours, theirs = (
        image[0] - colour[0] for image in (colours(colour, hue=0.1), [reference.adjust_hue(colour[0], 0.1)])
    )
    chroma = theirs - (luma.view(1, 3, 1, 1) * theirs).sum(1, keepdim=True)
    assert float(torch.cosine_similarity(ours.flatten(), chroma.flatten(), 0)) > 0.9
    torch.testing.assert_close(colours(turned, hue=-0.25), colour)


def test_colours_stay_in_range(frames):
    bright = colours(frames, brightness=1.4, contrast=1.4, saturation=2.0, hue=0.1)
    assert (float(bright.min()), float(bright.max())) == (0.0, 1.0)


def test_blur_is_that_of_torchvision_away_from_the_border(frames):
    sigma = torch.tensor([0.0, 0.5, 1.0, 1.5])
    blurred = blur(frames, sigma)
    assert torch.equal(blurred[0], frames[0])
    for i in (1, 2, 3):
        theirs = reference.gaussian_blur(frames[i], [15, 15], [float(sigma[i])] * 2)
        torch.testing.assert_close(blurred[i, ..., 8:-8, 8:-8], theirs[..., 8:-8, 8:-8], rtol=0, atol=1e-4)
    flat = torch.full((4, 1, 3, 9, 7), 0.3)
    torch.testing.assert_close(blur(flat, sigma), flat)


def test_draws_follow_the_strengths(draws):
    flat = torch.full((2000, 1, 3, 2, 2), 0.5)
    light = Light(jitter=0.8, brightness=0.4, contrast=0.0, saturation=0.0, hue=0.0, greyscale=0.0, blur=0.0)
    level = photometric(flat, light, draws)[:, 0, 0, 0, 0] / 0.5
    changed = (level - 1.0).abs() > 1e-5
    assert 0.77 < float(changed.float().mean()) < 0.83
    assert 0.6 <= float(level.min()) < 0.62
    assert 1.38 < float(level.max()) <= 1.4 + 1e-5


def test_colours_are_dropped_and_frames_blurred_as_often_as_asked(draws):
    noise = torch.rand(1000, 1, 3, 8, 8, generator=draws)
    grey = photometric(noise, Light(jitter=0.0, greyscale=0.3, blur=0.0), draws)
    assert 0.25 < float((grey.std(2).amax((1, 2, 3)) < 1e-5).float().mean()) < 0.35
    blurred = photometric(noise, Light(jitter=0.0, greyscale=0.0, blur=0.4, blur_sigma=(0.8, 2.0)), draws)
    changed = (blurred - noise).abs().flatten(1).amax(1) > 1e-3
    assert 0.35 < float(changed.float().mean()) < 0.45


def test_frames_of_a_window_share_their_light_and_windows_have_their_own(draws):
    still = torch.rand(1, 1, 3, 8, 8, generator=draws).expand(8, 3, -1, -1, -1)
    changed = Augmentation(AugmentationConfig(light=True), draws)(still)
    assert changed.shape == still.shape
    for t in (1, 2):
        torch.testing.assert_close(changed[:, t], changed[:, 0], rtol=0, atol=1e-6)
    assert len({round(float(window.std()), 4) for window in changed}) > 4


def test_without_anything_asked_for_frames_are_untouched_and_nothing_is_drawn(frames, draws):
    before = draws.get_state()
    augment = Augmentation(AugmentationConfig(), draws)
    assert torch.equal(augment(frames), frames)
    assert torch.equal(draws.get_state(), before)


def test_draws_depend_on_the_generator_alone(frames):
    config = AugmentationConfig(scale=(0.2, 0.4), light=True)
    results = []
    for global_seed, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(global_seed)
        results.append(Augmentation(config, torch.Generator().manual_seed(seed))(frames))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
