"""Shortcut training of a flow head, for samples of few steps (Frans et al. 2024, "One Step Diffusion via Shortcut
Models", arXiv 2410.12557).

The head is told the size d of the step that it is asked for and predicts s(x, tau, d), the mean velocity of that step:
x + d s(x, tau, d) is where the flow has carried x by tau + d. With d = 0 it is the velocity itself. A share of every
batch is trained on the head's own steps of half the size, the others on flow matching with d = 0.

Shapes: B rows, ... any further axes. A size is given by its number in `STEP_SIZES`.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from lamo.nn.share import places
from lamo.predictors.randomness import uniform

# What a head can be told. Each is learned from two steps of the size before it; the smallest but 0 from two Euler steps
# of half its size along the velocity: 16 of these are what samples of few steps can at best equal.
STEP_SIZES = (0.0, 1 / 8, 1 / 4, 1 / 2, 1.0)


def shortcut_rows(rows: int, share: float) -> list[int]:
    """Which of `rows` rows are trained on the head's own steps: `share` of the batch.

    They are spread evenly over the batch. So each process gets its share, and the choice does not depend on how the
    batch is divided.
    """
    return [
        row for row, place in enumerate(places(rows)) if math.floor((place + 1) * share) > math.floor(place * share)
    ]


def draw_sizes(rows: int, chosen: list[int], generator: Generator, like: Tensor) -> Tensor:
    """Number of the size that each of `rows` rows is told, [B]: uniform on those above 0 in `chosen` rows, else 0."""
    drawn = 1 + (uniform((rows,), generator, like) * (len(STEP_SIZES) - 1)).long()
    picked = set(chosen)
    return drawn * torch.tensor([row in picked for row in range(rows)], device=like.device)


def on_grid(tau: Tensor, size_index: Tensor) -> Tensor:
    """tau [B] moved down to a multiple of the size, where the steps of a sample begin; unmoved where that is 0."""
    size = _sizes(size_index, tau)
    return torch.where(size_index > 0, (tau / size.clamp_min(STEP_SIZES[1])).floor() * size, tau)


def two_half_steps(
    velocity: Callable[[Tensor, Tensor, Tensor], Tensor], x: Tensor, tau: Tensor, size_index: Tensor
) -> Tensor:
    """Mean velocity of two steps of half the given size, the target of one whole step, without gradient.

    (s(x, tau, d) + s(x + d s(x, tau, d), tau + d, d)) / 2 with d half the given size; where there is no such d, which
    is below the smallest, the velocity (d = 0) stands for s.

    Args:
        velocity: s of x [B, ...], tau [B] and the number of the given size [B]; of x's shape.
        x: where the step begins, [B, ...].
        tau: when it begins, [B].
        size_index: number of the whole step's size, above 0, [B].
    """
    half = _sizes(size_index, tau) / 2
    with torch.no_grad():
        first = velocity(x, tau, size_index - 1).float()
        middle = x + half.view(-1, *(1,) * (x.ndim - 1)) * first
        second = velocity(middle, tau + half, size_index - 1).float()
    return (first + second) / 2


def step_size_of_sampler(steps: int, solver: str) -> int:
    """Number of the size that a head is told for a sample of `steps` equal steps: that of a step, for Euler steps of a
    size that it was trained on; else 0, the plain velocity."""
    size = 1.0 / steps
    return STEP_SIZES.index(size) if solver == "euler" and size in STEP_SIZES else 0


def _sizes(size_index: Tensor, like: Tensor) -> Tensor:
    return torch.tensor(STEP_SIZES, dtype=like.dtype, device=like.device)[size_index]
