"""Features of I3D, for FVD: the network sees whole clips, and so how things move."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lamo.errors import LamoError
from lamo.images import to_unit
from lamo.metrics.config import FVD_LEAST_FRAMES
from lamo.stores.checksums import sha256

WIDTH = 400
SIZE = 224
"""Pixels that frames are resized to, in height and width; the proportions change as they do in the first FVD code."""
# Clips at once: I3D takes some hundred MB for each.
BATCH = 4


class I3dFeatures:
    """The 400 outputs of I3D before the softmax, trained on Kinetics-400: float32.

    `weights` is StyleGAN-V's `i3d_torchscript.pt`, a TorchScript file; it is loaded by `torch.jit.load`, which runs no
    pickle. It is tried on a blank clip at once. Raises `LamoError` if the file is missing or is not that network.
    """

    metric = "fvd"

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        self._path, self._device = Path(weights), torch.device(device)
        self._advice = "expected the TorchScript file i3d_torchscript.pt; correct metrics.fvd.weights or set it to null"
        if not self._path.is_file():
            raise LamoError(f"{self._path}: no such file; {self._advice}")
        try:
            self._network = torch.jit.load(str(self._path), map_location=self._device).eval()
            self(np.zeros((1, FVD_LEAST_FRAMES, SIZE, SIZE, 3), np.uint8))
        except (RuntimeError, AttributeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise LamoError(f"{self._path}: not I3D ({reason[:200]}); {self._advice}") from None
        self.digits = sha256(self._path)[:8]
        """The first digits of the file's SHA-256."""

    @torch.inference_mode()
    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Features float32 [N, 400] of clips uint8 [N, T, H, W, 3]. Raises `LamoError` if T is too small."""
        if clips.shape[1] < FVD_LEAST_FRAMES:
            raise LamoError(
                f"metrics.fvd.weights: found clips of {clips.shape[1]} frames, expected at least {FVD_LEAST_FRAMES}; "
                "score a longer horizon (metrics.horizons_s) or set metrics.fvd.weights to null"
            )
        blocks = [self._features(clips[i : i + BATCH]) for i in range(0, len(clips), BATCH)]
        return np.concatenate(blocks) if blocks else np.empty((0, WIDTH), np.float32)

    def _features(self, clips: np.ndarray) -> np.ndarray:
        found = self._network(self._videos(clips), rescale=False, resize=False, return_features=True)
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != (len(clips), WIDTH):
            raise LamoError(
                f"{self._path}: found features of shape {shape} for {len(clips)} clips, expected "
                f"{(len(clips), WIDTH)}; {self._advice}"
            )
        return found.float().cpu().numpy()

    def _videos(self, clips: np.ndarray) -> Tensor:
        """Clips as the network was trained on them: [N, 3, T, 224, 224] in -1..1."""
        frames = to_unit(np.require(clips, requirements=["C", "W"])).to(self._device) * 2 - 1
        resized = F.interpolate(frames.flatten(0, 1), (SIZE, SIZE), mode="bilinear")
        return resized.unflatten(0, frames.shape[:2]).transpose(1, 2)
