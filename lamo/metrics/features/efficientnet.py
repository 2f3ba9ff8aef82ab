"""EfficientNet-Lite0 (Tan and Le 2019; Lite: Liu 2020) up to its last block: the network alone, without weights.

It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6. What comes after the last block, the convolution to
1,280 channels and the classifier, is left out.

Shapes: N images, H x W pixels, C channels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTH = 320
"""Channels of the last block."""
_STEM = 32
# Of each group of blocks: how many, size of the kernel, stride of the first, expansion, channels.
_GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, WIDTH),
)


class Convolution(nn.Module):
    """Convolution, batch normalisation, and ReLU6 where `active`: [N, C, H, W] -> [N, C_out, ~H / stride, ~W / stride].

    The padding is what TensorFlow calls SAME: sizes are rounded up, and of an odd padding the last row and column get
    the more.
    """

    def __init__(
        self, channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, active: bool = True
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.active = active
        self.convolution = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
        self.normalisation: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = (self._missing(size) for size in images.shape[-2:])
        if rows % 2 or columns % 2:
            images = F.pad(images, (0, columns % 2, 0, rows % 2))
        one = self.convolution
        images = F.conv2d(images, one.weight, one.bias, one.stride, (rows // 2, columns // 2), groups=one.groups)
        images = self.normalisation(images)
        return F.relu6(images) if self.active else images

    def fold(self) -> None:
        """Multiply the normalisation into the convolution, which changes only the rounding."""
        if isinstance(self.normalisation, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.normalisation)
            self.normalisation = nn.Identity()
        # Convolutions are twice as fast on images and weights with their channels last.
        weight = self.convolution.weight
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def _missing(self, size: int) -> int:
        """Rows or columns that `size` of them lack."""
        return max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)


class Block(nn.Module):
    """Inverted residual block: widen the channels, convolve each by itself, narrow them, add the input if it fits."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.widen = Convolution(channels, wide) if expansion > 1 else nn.Identity()
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.narrow = Convolution(wide, out, active=False)
        self.adds = stride == 1 and channels == out

    def forward(self, images: Tensor) -> Tensor:
        changed = self.narrow(self.depthwise(self.widen(images)))
        return images + changed if self.adds else changed


class EfficientNetLite0(nn.Module):
    """The last feature map, averaged over its places."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, _STEM, 3, 2)
        blocks: list[nn.Module] = []
        channels = _STEM
        for count, kernel, stride, expansion, out in _GROUPS:
            for number in range(count):
                blocks.append(Block(channels, out, kernel, 1 if number else stride, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W] in -1..1 -> features [N, 320]."""
        return self.blocks(self.stem(images)).mean(dim=(2, 3))

    def fold(self) -> None:
        """Fold all normalisations, once the weights are loaded; the network can then not be trained."""
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, Convolution):
                module.fold()
