"""Images: conversion between stored frames and network inputs, and the measures of images that several stages use.

Shapes: N images, H x W pixels. Stored frames are uint8 [..., H, W, 3], images float [N, 3, H, W] in 0..1.

What takes a second or more to import is imported where it is used: every job imports this module.
"""

import math

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError

# ImageNet statistics, as the published models use.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def to_unit(frames: np.ndarray | Tensor, device: torch.device | None = None) -> Tensor:
    """uint8 [..., H, W, 3] -> float32 [..., 3, H, W] in 0..1.

    >>> to_unit(np.full((2, 1, 1, 3), 51, "uint8"))[0].flatten()
    tensor([0.2000, 0.2000, 0.2000])
    """
    return torch.as_tensor(frames, device=device).movedim(-1, -3).float() / 255.0


def normalise(images: Tensor) -> Tensor:
    """Images [..., 3, H, W] in 0..1, normalised as the encoder expects."""
    return (images - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(STD)[:, None, None]


def to_input(frames: np.ndarray | Tensor, device: torch.device | None = None) -> Tensor:
    """uint8 [..., H, W, 3] -> float32 [..., 3, H, W], normalised as the encoder expects."""
    return normalise(to_unit(frames, device))


def to_uint8(images: Tensor) -> np.ndarray:
    """float [..., 3, H, W] in 0..1 (clamped) -> uint8 [..., H, W, 3]."""
    return (images.float().clamp(0, 1) * 255.0).round().to(torch.uint8).movedim(-3, -1).cpu().numpy()


_DB_PER_NEPER = 10 / math.log(10)
SSIM_WINDOW = 11
BLANK_ENERGY = 2 * (0.25 / 255) ** 2
"""Gradient energy of an image that is called blank: a root mean square gradient of a quarter of an 8-bit level."""
CAP_DB = 100.0
"""PSNR that equal frames get where means are compared: they would score infinitely and hide all others."""


def decibels(error: Tensor) -> Tensor:
    """PSNR in dB, 10 log10(1 / error), for a mean squared `error` of values in 0..1."""
    # By the natural logarithm, as torchmetrics does: log10 would round the last digit differently.
    return error.log() * -_DB_PER_NEPER


def psnr(predicted: Tensor, truth: Tensor, cap: float) -> Tensor:
    """Peak signal-to-noise ratio [N] in dB of images [N, C, H, W] in 0..1, at most `cap` dB.

    Equal images would have an infinite PSNR, and a mean with an infinity in it says nothing. That is why there has to
    be a cap.

    >>> half = torch.full((1, 3, 4, 4), 0.5)
    >>> psnr(half, half + 0.1, cap=CAP_DB).round(), psnr(half, half, cap=CAP_DB)
    (tensor([20.]), tensor([100.]))
    """
    return decibels((predicted - truth).square().mean(dim=(1, 2, 3))).clamp(max=cap)


def ssim(predicted: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity [N] of images [N, 3, H, W] in 0..1 (Wang et al. 2004), mean over channels and pixels.

    The window is Gaussian, 11 pixels wide, with sigma 1.5. Frames that are smaller get the widest odd window that fits,
    with sigma in proportion: the standard window would average over its own reflection. Such values cannot be compared
    with others. Raises `LamoError` for frames under 3 pixels.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    side = min(truth.shape[-2:])
    if side < 3:
        raise LamoError(
            f"SSIM: found frames of {tuple(truth.shape[-2:])} pixels, expected at least 3 x 3; raise frames.height and "
            "frames.width"
        )
    # torchmetrics derives the window from sigma: 2 floor(3.5 sigma + 0.5) + 1 pixels.
    sigma = 1.5 if side >= SSIM_WINDOW else ((side - 1) // 2) / 3.5
    values = structural_similarity_index_measure(predicted, truth, sigma=sigma, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)  # It is a pair only where the map of similarities is asked for too.
    return values.reshape(len(truth))


def gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbouring pixels of [N, C, H, W]: along the width, and along the height."""
    return images[..., :, 1:] - images[..., :, :-1], images[..., 1:, :] - images[..., :-1, :]


def gradient_energy(images: Tensor) -> Tensor:
    """E(x) [N] of images [N, C, H, W]: mean (x[i, j+1] - x[i, j])^2 + mean (x[i+1, j] - x[i, j])^2."""
    across, down = (gradient.square().mean(dim=(1, 2, 3)) for gradient in gradients(images))
    return across + down


def sharpness(predicted: Tensor, truth: Tensor) -> Tensor:
    """E(predicted) / E(truth) [N], E the gradient energy: 1 is right, 0.5 is blur, above 1 is noise or false edges.

    NaN, and so to be left out of every mean, where the true frame is blank.

    >>> stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 3, 16, 16)
    >>> sharpness(0.5 * stripes, stripes)
    tensor([0.2500])
    """
    energy = gradient_energy(truth)
    return torch.where(energy > BLANK_ENERGY, gradient_energy(predicted) / energy.clamp(min=BLANK_ENERGY), torch.nan)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of images [N, C, H, W] with standard deviation `sigma` [pixels], on any device.

    The kernel ends at 2.5 sigma and edges are reflected. `blur_frames` is finer and slower; what is measured with one
    must not be compared with the other.
    """
    from torchvision.transforms.v2.functional import gaussian_blur

    if sigma == 0:
        return images
    return gaussian_blur(images, [2 * math.ceil(2.5 * sigma) + 1] * 2, [sigma] * 2)


def blur_frames(frames: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of frames uint8 [..., H, W, 3] with standard deviation `sigma` [pixels]; edges are repeated."""
    from scipy.ndimage import gaussian_filter

    if sigma == 0:
        return frames.copy()
    spread = (*[0.0] * (frames.ndim - 3), sigma, sigma, 0.0)
    return gaussian_filter(frames.astype(np.float32), spread, mode="nearest").round().clip(0, 255).astype(np.uint8)
