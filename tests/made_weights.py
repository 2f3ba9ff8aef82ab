"""Files that stand in for published weights, which tests do not have: the same form with other numbers."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import alexnet


def made_alexnet(path: Path, seed: int = 0) -> Path:
    """A file with the names and shapes of torchvision's AlexNet, and random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.save(alexnet(weights=None).state_dict(), path)
    return path


class MadeI3d(nn.Module):
    """Stands in for I3D: 8 x 8 mean colours over the clip, and how much they change from frame to frame."""

    def __init__(self, width: int = 400) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False):
        assert x.size(1) == 3
        assert x.size(3) == 224
        assert x.size(4) == 224
        assert not rescale
        assert not resize
        assert return_features
        if x.size(2) < 9:
            raise RuntimeError("the clip is shorter than the last kernel")
        means = F.adaptive_avg_pool3d(x, [x.size(2), 8, 8])
        changes = (means[:, :, 1:] - means[:, :, :-1]).abs().mean(dim=2)
        both = torch.cat([means.mean(dim=2).flatten(1), changes.flatten(1)], dim=1)
        return F.pad(both, [0, self.width - both.size(1)])


def made_i3d(path: Path, width: int = 400) -> Path:
    """A TorchScript file with the signature of StyleGAN-V's I3D, whose features see colours and motion."""
    torch.jit.script(MadeI3d(width)).save(str(path))
    return path
