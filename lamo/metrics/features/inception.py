"""Features of Inception, for FID proper."""

from pathlib import Path

import numpy as np
import torch
from cleanfid.resize import build_resizer

from lamo.errors import LamoError

INCEPTION_WIDTH = 2048


class InceptionFeatures:
    """The 2048 pooled features of the standard Inception network on frames resized by clean-fid (Parmar et al. 2022).

    `weights` is `inception-2015-12-05.pt`, a TorchScript file; it is loaded by `torch.jit.load`, which runs no pickle.
    Raises `LamoError` if the file is missing or is not that network.
    """

    metric = "fid"
    description = "FID: Frechet distance on Inception features, frames resized as clean-fid does."

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu", batch: int = 32) -> None:
        self._path, self._device, self._batch = Path(weights), torch.device(device), batch
        self._resize = build_resizer("clean")
        advice = "expected the TorchScript file inception-2015-12-05.pt; correct metrics.fid.weights or set it to null"
        if not self._path.is_file():
            raise LamoError(f"{self._path}: no such file; {advice}")
        try:
            network = torch.jit.load(str(self._path), map_location=self._device).eval()
            self._layers = network.layers
        except (RuntimeError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise LamoError(f"{self._path}: not an Inception network ({reason}); {advice}") from None

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Features float32 [N, 2048] of frames uint8 [N, H, W, 3]."""
        blocks = [self._features(frames[i : i + self._batch]) for i in range(0, len(frames), self._batch)]
        return np.concatenate(blocks) if blocks else np.empty((0, INCEPTION_WIDTH), np.float32)

    def _features(self, frames: np.ndarray) -> np.ndarray:
        resized = np.stack([self._resize(frame) for frame in np.asarray(frames)])
        images = torch.from_numpy(resized).permute(0, 3, 1, 2).to(self._device)
        features = self._layers((images - 128) / 128).reshape(len(frames), -1)
        if features.shape[1] != INCEPTION_WIDTH:
            raise LamoError(
                f"{self._path}: found {features.shape[1]} features per frame, expected {INCEPTION_WIDTH}; "
                "metrics.fid.weights must be the standard inception-2015-12-05.pt"
            )
        return features.float().cpu().numpy()
