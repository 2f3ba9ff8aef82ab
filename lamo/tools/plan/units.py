"""Units of work of the model stages, such as a training step, so that they can be counted or timed.

A unit runs the code of the stage itself on inputs of the configured shapes: on fake tensors, which hold no numbers and
cost nothing at any size, to count its floating-point operations; on real ones to time it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.nn.flops import Make
from lamo.predictors.cost import example
from lamo.predictors.interface import Context
from lamo.tools.plan.geometry import Sizes

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Unit:
    """`make(batch)` builds models and inputs and returns what runs one unit on them; a whole run needs `times` units of
    `batch` windows (or frames) each.

    `counted_as`: the unit's operations as factors times those of smaller works; by default those of itself at a batch
    of 1 times its batch, as all operations are in proportion to the batch.
    """

    rule: str
    name: str
    times: float
    batch: int
    make: Make
    counted_as: tuple[tuple[int, Make], ...] | None = None

    @property
    def parts(self) -> tuple[tuple[int, Make], ...]:
        """Factors, and the works that they multiply, each at a batch of 1."""
        return self.counted_as or ((self.batch, self.make),)


def images(sizes: Sizes, *leading: int) -> Tensor:
    """Random images [..., 3, H, W] in 0..1."""
    return torch.rand(*leading, 3, *sizes.image)


def context(sizes: Sizes, batch: int) -> tuple[Context, Tensor, Tensor]:
    """A random context, the next motion tokens and the next state."""
    return example(sizes.geometry, batch)
