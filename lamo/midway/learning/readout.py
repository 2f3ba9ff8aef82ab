"""Pixels read from the finest level by an affine map: what a state shows, without a decoder."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.images import gradients, to_input, to_unit
from lamo.midway.learning.pretraining import patches
from lamo.midway.network import Midway
from lamo.nn.share import batch_mean
from lamo.statistics.normal_equations import NormalEquations
from lamo.stores.windows import Windows

FIT_FRAMES = 512
RIDGE = 1e-4


class PixelReadout(nn.Module):
    """Pixels of each patch as an affine function of its level-0 token, by ridge regression in closed form.

    Encoders of shallow finest levels lose little by it (pre-trained ones: under 1 % of the pixels' variance), and it is
    the same measure for every encoder, at no training.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, grid: tuple[int, int], patch: int) -> None:
        super().__init__()
        self.grid, self.patch = grid, patch
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, level: Tensor) -> Tensor:
        """Finest level [B, 1 + P, D] -> images [B, 3, H, W], about 0..1."""
        with torch.autocast(level.device.type, enabled=False):
            read = level[:, 1:].float() @ self.weight + self.bias
        size = (self.grid[0] * self.patch, self.grid[1] * self.patch)
        return F.fold(read.transpose(1, 2), size, self.patch, stride=self.patch)


@torch.no_grad()
def fit_readout(model: Midway, frames: Windows, seed: int, device: torch.device) -> PixelReadout:
    """Fit by ridge regression on frames drawn from `frames` (windows of one frame), as the teacher encodes them."""
    picks = np.random.default_rng(seed).permutation(len(frames))[:FIT_FRAMES]
    images = frames.read(np.sort(picks))[:, 0]
    patch = images.shape[1] // model.grid[0]
    sums = NormalEquations(model.config.encoder.width + 1, 3 * patch**2, device)
    for begin in range(0, len(images), 64):
        batch = images[begin : begin + 64]
        tokens = model.encode(to_input(batch, device), "teacher")[0][:, 1:].flatten(0, 1).double()
        tokens = F.pad(tokens, (0, 1), value=1.0)
        sums.add(tokens, patches(to_unit(batch, device), patch).flatten(0, 1).double())
    # In proportion to the tokens' own power.
    solved = sums.solve(RIDGE * float(sums.gram.diagonal()[:-1].mean())).float()
    return PixelReadout(solved[:-1], solved[-1], model.grid, patch)


def contrast_loss(predicted: Tensor, truth: Tensor, window: int) -> Tensor:
    """Relative difference of local contrast between images [B, C, H, W]: 0 is equal, 1 is no contrast at all.

    Local contrast: root mean square of the pixel gradients in overlapping squares of `window` pixels. A square does not
    ask where exactly an edge lies, so what cannot be placed is drawn sharp rather than faded; in single pixels this is
    the gradient difference loss (Mathieu et al., 2016).
    """
    terms = []
    for one, other in zip(gradients(predicted), gradients(truth.detach()), strict=True):
        ours, true = _contrast(one, window), _contrast(other, window)
        terms.append((ours - true).abs().mean() / batch_mean(true.mean()))
    return torch.stack(terms).mean()


def _contrast(gradient: Tensor, window: int) -> Tensor:
    energy = gradient.square().mean(dim=1, keepdim=True)
    # The root has an infinite slope at 0, and half an 8-bit level is no contrast.
    return (F.avg_pool2d(energy, window, max(1, window // 3), window // 2) + (0.5 / 255) ** 2).sqrt()
