"""Small frames made as large as a network needs them."""

from torch import Tensor
from torch.nn import functional as F


def enlarged(images: Tensor, least: int) -> Tensor:
    """Images [N, C, H, W], enlarged bilinearly until the shorter side has `least` pixels; larger ones as they are."""
    height, width = images.shape[-2:]
    factor = least / min(height, width)
    if factor <= 1:
        return images
    return F.interpolate(images, (round(factor * height), round(factor * width)), mode="bilinear")
