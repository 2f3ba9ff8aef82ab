"""Places of the patch grid: neighbourhoods, and the anchors that give each motion token a place."""

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


def anchor_bias(grid: tuple[int, int], tokens: int, heads: int) -> Tensor:
    """Attention bias [heads, tokens, 1 + P] that ties each token to a region of the patch grid.

    The anchors fill two rows of the image (one, for an odd count). The bias is minus the squared distance of patch and
    anchor in units of the anchors' spacing, times a slope that halves from head to head; the last head sees everything,
    and the class token (index 0) is near to all.
    """
    height, width = grid
    rows = 2 if tokens % 2 == 0 else 1
    columns = tokens // rows

    def axis(count: int, anchors: int) -> Tensor:
        patch = (torch.arange(count) + 0.5) * anchors / count
        return (patch[None] - (torch.arange(anchors)[:, None] + 0.5)).square()

    square = axis(height, rows)[:, None, :, None] + axis(width, columns)[None, :, None, :]
    distance = torch.cat([torch.zeros(tokens, 1), square.reshape(tokens, height * width)], dim=1)
    slopes = 4.0 * 0.5 ** torch.arange(heads)
    slopes[-1] = 0.0
    return -slopes[:, None, None] * distance
