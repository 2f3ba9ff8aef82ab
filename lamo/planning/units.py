"""Units of work of the model stages, such as a training step, so that they can be counted or timed.

A unit runs the code of the stage itself on inputs of the configured shapes: on fake tensors, which hold no numbers and
cost nothing at any size, to count its floating-point operations; on real ones to time it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from lamo.planning.geometry import Sizes
from lamo.predictors.interface import Context

CPU = torch.device("cpu")
Run = Callable[[], object]
Make = Callable[[int], Run]
Net = TypeVar("Net", bound=nn.Module)


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


def build(make: Callable[[], Net]) -> Net:
    """make() on the CPU; where tensors are fake (`FakeTensorMode`) with fake weights, without initialising any."""
    with unset_fake_temporarily() as faking, torch.device("meta" if faking else "cpu"):
        module = make()
    return module if faking is None else with_fake_weights(module)


def with_fake_weights(module: Net) -> Net:
    """The module with a fake CPU tensor in the place of every weight; inside of a `FakeTensorMode`."""
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype), weight.requires_grad))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    return module


def images(sizes: Sizes, *leading: int) -> Tensor:
    """Random images [..., 3, H, W] in 0..1."""
    return torch.rand(*leading, 3, *sizes.image)


def context(sizes: Sizes, batch: int) -> tuple[Context, Tensor, Tensor]:
    """A random context, the next motion tokens and the next state."""
    shape = sizes.geometry
    motion = torch.randn(batch, shape.history + 1, shape.levels, shape.tokens, shape.motion_width)
    states = torch.randn(batch, shape.history + 2, shape.patches, shape.state_width)
    return Context(motion[:, :-1], states[:, :-1]), motion[:, -1], states[:, -1]
