"""Between stored frames and network inputs."""

import numpy as np
import torch
from torch import Tensor

# ImageNet statistics, as the published models use.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def to_unit(frames: np.ndarray | Tensor, device: torch.device | None = None) -> Tensor:
    """uint8 [..., H, W, 3] -> float32 [..., 3, H, W] in 0..1."""
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
