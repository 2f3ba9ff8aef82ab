"""Places of the patch grid: neighbourhoods of patches, and the regions that motion tokens are tied to."""

import torch
from torch import Tensor


def neighbourhood(grid: tuple[int, int], radius: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Patch indices [P, (2 radius + 1)^2] around each patch of `grid`, clamped to it, and the mask of those inside."""
    height, width = grid
    offsets = torch.arange(-radius, radius + 1, device=device)
    rows = torch.arange(height, device=device)[:, None] + offsets
    columns = torch.arange(width, device=device)[:, None] + offsets
    index = rows.clamp(0, height - 1)[:, None, :, None] * width + columns.clamp(0, width - 1)[None, :, None, :]
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[None, :, None, :]
    return index.flatten(2).flatten(0, 1), inside.flatten(2).flatten(0, 1)


def region_bias(grid: tuple[int, int], tokens: int, heads: int) -> Tensor:
    """Attention bias [heads, tokens, 1 + P] that ties each token to a region of the patch grid.

    The regions' centres fill two rows of the image (one, for an odd count of tokens). The bias is minus the squared
    distance of patch and centre, in units of the centres' spacing, times a slope that halves from head to head. The
    last head sees everything. The class token (index 0) has distance 0 from all.
    """
    height, width = grid
    rows = 2 if tokens % 2 == 0 else 1
    columns = tokens // rows

    def axis(count: int, centres: int) -> Tensor:
        patch = (torch.arange(count) + 0.5) * centres / count
        return (patch[None] - (torch.arange(centres)[:, None] + 0.5)).square()

    square = axis(height, rows)[:, None, :, None] + axis(width, columns)[None, :, None, :]
    distance = torch.cat([torch.zeros(tokens, 1), square.reshape(tokens, height * width)], dim=1)
    slopes = 4.0 * 0.5 ** torch.arange(heads)
    slopes[-1] = 0.0
    return -slopes[:, None, None] * distance
