"""LPIPS, the distance of a frame from the true one as people judge it (Zhang et al. 2018).

The code and the weights of the layers are those of torchmetrics. The network below them is torchvision's AlexNet, whose
file has to be given: nothing is downloaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.metrics.features.enlarging import enlarged
from lamo.metrics.pixel import to_images

LEAST = 64
"""Pixels of the shorter side that frames are enlarged to: LPIPS was fitted to judgements of patches of this size."""
# Pairs of frames at once; more of them do not fit the cache of a core.
BATCH = 32


class Lpips:
    """LPIPS with AlexNet, version 0.1: float32.

    `weights` is torchvision's alexnet-owt-7be5be79.pth. It is loaded without running any code that it might hold.
    Raises `LamoError` if the file is missing or holds other weights.
    """

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        # Imported here because it takes seconds, and jobs without LPIPS import this module too.
        from torchmetrics.functional.image.lpips import _LPIPS

        self._device = torch.device(device)
        # "rand" keeps torchmetrics from downloading AlexNet; its weights are set in the next line.
        network = _LPIPS(net="alex", pnet_rand=True)
        network.net.load_state_dict(_alexnet(Path(weights), network.net))
        self._network = network.to(self._device)

    @torch.inference_mode()
    def __call__(self, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """LPIPS float32 [N] of frames uint8 [N, H, W, 3]; small frames are enlarged (see `LEAST`)."""
        blocks = [
            self._network(self._images(predicted[i : i + BATCH]), self._images(truth[i : i + BATCH]), normalize=True)
            for i in range(0, len(predicted), BATCH)
        ]
        return torch.cat(blocks).flatten().cpu().numpy() if blocks else np.empty(0, np.float32)

    def _images(self, frames: np.ndarray) -> Tensor:
        return enlarged(to_images(frames).to(self._device), LEAST)


def _alexnet(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """The weights of torchvision's AlexNet under the names that torchmetrics gives them in `network`."""
    advice = "expected torchvision's alexnet-owt-7be5be79.pth; correct metrics.lpips.weights or set it to null"
    if not path.is_file():
        raise LamoError(f"{path}: no such file; {advice}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise LamoError(f"{path}: not a file of weights ({reason}); {advice}") from None
    if not isinstance(found, Mapping):
        raise LamoError(f"{path}: found {type(found).__name__}, not weights by name; {advice}")
    weights = {}
    for name, own in network.state_dict().items():
        # slice2.3.weight of torchmetrics is features.3.weight of torchvision.
        theirs = f"features.{name.partition('.')[2]}"
        value = found.get(theirs)
        if not isinstance(value, Tensor) or value.shape != own.shape:
            shape = list(value.shape) if isinstance(value, Tensor) else value
            raise LamoError(f"{path}: found {theirs} of shape {shape}, AlexNet's is {list(own.shape)}; {advice}")
        weights[name] = value
    return weights


def lpips_scores(predicted: np.ndarray, truth: np.ndarray, at: Sequence[int], lpips: Lpips) -> np.ndarray:
    """LPIPS float32 [W, S, T] of predicted frames uint8 [W, S, T, H, W, 3] against true ones [W, 1, T, H, W, 3].

    At the steps `at`, counted from 1, and NaN at the others: LPIPS is costly, as features are.
    """
    scores = np.full(predicted.shape[:3], np.nan, np.float32)
    chosen = np.asarray(at) - 1
    for window, (frames, true) in enumerate(zip(predicted[:, :, chosen], truth[:, :, chosen], strict=True)):
        pairs = (one.reshape(-1, *frames.shape[2:]) for one in np.broadcast_arrays(frames, true))
        scores[window, :, chosen] = lpips(*pairs).reshape(frames.shape[:2]).T
    return scores
