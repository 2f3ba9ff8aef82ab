"""Random crops and changes of light of training frames, as batched tensor operations with a draw for each sample.

torchvision's functions take one box, one strength and one sigma for a whole batch, so each sample would need calls of
its own. Written as one sampling grid, one colour matrix and two blur matrices per sample, a batch needs a handful of
operations.

Draws are made on the CPU, so that they are the same on any device. Call this outside autocast.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from lamo.midway.learning.config import AugmentationConfig, Range
from lamo.nn.share import draw

LUMA = (0.299, 0.587, 0.114)
# Red, green, blue -> luma and two axes of chroma (the YIQ space of television), in which a hue is an angle.
YIQ = (LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
WHOLE = (1.0, 1.0)
# Aspect ratio of a random box over that of the frame, as in torchvision's and the published crops.
STRETCH = (0.75, 1.3333)


@dataclass(frozen=True)
class Light:
    """Probabilities and strengths of random changes of colour and sharpness: those of Caron et al. (2021), which the
    published training uses.

    Attributes:
        jitter: probability of a change of brightness, contrast, saturation and hue.
        brightness: it is multiplied by 1 plus or minus up to this.
        contrast: the same of the distance from the mean grey.
        saturation: the same of the distance from each pixel's grey.
        hue: hues turn by up to this share of the colour circle, either way.
        greyscale: probability that colours are dropped.
        blur: probability of a Gaussian blur.
        blur_sigma: its standard deviation, in pixels of the network's input.
    """

    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    greyscale: float = 0.2
    blur: float = 0.5
    blur_sigma: Range = (0.1, 2.0)


PUBLISHED_LIGHT = Light()


@dataclass(frozen=True)
class Boxes:
    """One box per sample: `side` and `centre` [B, 2] as (x, y).

    The image reaches from -1 to 1. A box that is the whole image has side 1. A negative side mirrors.
    """

    side: Tensor
    centre: Tensor

    def inside(self, outer: "Boxes") -> "Boxes":
        """These boxes taken as boxes inside of `outer`."""
        return Boxes(outer.side * self.side, outer.centre + outer.side * self.centre)


def random_boxes(count: int, scale: Range, mirror: float, generator: Generator) -> Boxes:
    """`count` boxes inside the image, mirrored with probability `mirror`.

    Their share of its area is drawn from `scale`, uniform. Their aspect ratio over that of the image is drawn from
    `STRETCH`, log-uniform, as far as a box of that area fits in.
    """
    area = _uniform(count, scale, generator)
    ratio = _uniform(count, (math.log(STRETCH[0]), math.log(STRETCH[1])), generator).exp()
    ratio = torch.minimum(torch.maximum(ratio, area), 1.0 / area)
    side = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], dim=1)
    centre = (1.0 - side) * (2.0 * draw(torch.rand, (count, 2), generator) - 1.0)
    side[:, 0] *= torch.where(draw(torch.rand, (count,), generator) < mirror, -1.0, 1.0)
    return Boxes(side, centre)


def crop(frames: Tensor, boxes: Boxes, size: tuple[int, int]) -> Tensor:
    """The boxes of `frames` [B, T, 3, H, W], one per sample for all its T frames, resized bilinearly to `size`."""
    transform = torch.zeros(len(frames), 2, 3)
    transform[:, 0, 0] = boxes.side[:, 0]
    transform[:, 1, 1] = boxes.side[:, 1]
    transform[:, :, 2] = boxes.centre
    grid = F.affine_grid(transform.to(frames.device), [len(frames), 3, *size], align_corners=False)
    cut = F.grid_sample(frames.flatten(1, 2), grid, padding_mode="border", align_corners=False)
    return cut.unflatten(1, frames.shape[1:3])


def photometric(frames: Tensor, light: Light, generator: Generator) -> Tensor:
    """Colours and sharpness of `frames` [B, T, 3, H, W] in 0..1 changed at random, all frames of a sample alike."""
    count = len(frames)
    jittered = draw(torch.rand, (count,), generator) < light.jitter
    grey = draw(torch.rand, (count,), generator) < light.greyscale
    brightness, contrast, saturation, hue = (
        torch.where(jittered, _uniform(count, (-strength, strength), generator), 0.0)
        for strength in (light.brightness, light.contrast, light.saturation, light.hue)
    )
    saturation = torch.where(grey, 0.0, 1.0 + saturation)
    frames = change_colours(frames, 1.0 + brightness, 1.0 + contrast, saturation, hue)
    blurred = draw(torch.rand, (count,), generator) < light.blur
    return blur(frames, torch.where(blurred, _uniform(count, light.blur_sigma, generator), 0.0))


def change_colours(frames: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """`frames` [B, T, 3, H, W] with, for each sample [B], brightness multiplied, contrast about the window's mean grey
    multiplied, saturation multiplied (0 is grey) and hue turned (1 is a full turn); clamped to 0..1.

    A hue turns the chroma, a saturation scales it, and neither changes the luma. So all changes together are one affine
    map of each pixel's colour.
    """
    space = torch.tensor(YIQ, dtype=torch.float64)
    # From red by way of yellow to green, as hues are counted.
    angle = -2.0 * math.pi * hue.double()
    change = torch.zeros(len(frames), 3, 3, dtype=torch.float64)
    change[:, 0, 0] = 1.0
    change[:, 1, 1] = change[:, 2, 2] = saturation * angle.cos()
    change[:, 2, 1] = saturation * angle.sin()
    change[:, 1, 2] = -change[:, 2, 1]
    matrix = (brightness * contrast)[:, None, None] * (torch.linalg.inv(space) @ change @ space)
    luma = frames.mean(dim=(1, 3, 4)) @ frames.new_tensor(LUMA)
    offset = ((1.0 - contrast) * brightness).to(frames) * luma
    changed = matrix.to(frames)[:, None] @ frames.flatten(-2) + offset[:, None, None, None]
    return changed.clamp(0.0, 1.0).view_as(frames)


def blur(frames: Tensor, sigma: Tensor) -> Tensor:
    """`frames` [B, T, 3, H, W] under a Gaussian of standard deviation `sigma` [B], pixels, that ends at the border."""
    rows, columns = (_blur_matrix(length, sigma).to(frames)[:, None, None] for length in frames.shape[-2:])
    return rows @ frames @ columns.transpose(-2, -1)


def _blur_matrix(length: int, sigma: Tensor) -> Tensor:
    distance = torch.arange(length)[:, None] - torch.arange(length)
    # Sigma 0 gives the identity matrix.
    weights = torch.exp(-0.5 * (distance / sigma.clamp_min(1e-3)[:, None, None]).square())
    return weights / weights.sum(dim=-1, keepdim=True)


def _uniform(count: int, limits: Range, generator: Generator) -> Tensor:
    return limits[0] + (limits[1] - limits[0]) * draw(torch.rand, (count,), generator)


class Augmentation:
    """Crops and light of training windows; without any asked for it returns them untouched and draws nothing.

    All frames of a window have the same box and the same light, so that neither is mistaken for motion. Nothing is
    mirrored, since traffic keeps to one side of the road.
    """

    def __init__(self, config: AugmentationConfig, generator: Generator) -> None:
        self.config = config
        self.generator = generator

    def __call__(self, frames: Tensor) -> Tensor:
        """Windows `frames` [B, T, 3, H, W] in 0..1, augmented, of the same shape."""
        if self.config.scale:
            boxes = random_boxes(len(frames), self.config.scale, 0.0, self.generator)
            height, width = frames.shape[-2:]
            frames = crop(frames, boxes, (height, width))
        if self.config.light:
            frames = photometric(frames, PUBLISHED_LIGHT, self.generator)
        return frames
