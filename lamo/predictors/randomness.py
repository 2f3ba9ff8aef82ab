"""Random numbers drawn from an explicit generator, for a batch at once or row by row."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import overload

import torch
from torch import Generator, Tensor

from lamo.nn.share import draw
from lamo.predictors.interface import Context, Randomness


def normal(shape: tuple[int, ...], generator: Randomness, like: Tensor) -> Tensor:
    """Standard normal numbers, float32, on the device of `like`.

    Drawn on the generator's own device, so that a CPU generator gives the same numbers to every device. With one
    generator per row, shape[0] of them, a row's numbers do not depend on the batch that it is in.
    """
    drawn = _draw(torch.randn, shape, generator, like)
    return generator.steer(drawn) if isinstance(generator, Steered) else drawn


def uniform(shape: tuple[int, ...], generator: Randomness, like: Tensor) -> Tensor:
    """As `normal`, uniform on [0, 1)."""
    return _draw(torch.rand, shape, generator, like)


def _draw(kind: Callable[..., Tensor], shape: tuple[int, ...], generator: Randomness, like: Tensor) -> Tensor:
    if isinstance(generator, Generator):
        return draw(kind, shape, generator, generator.device).to(like.device)
    if len(generator) != shape[0]:
        raise ValueError(f"{len(generator)} generators for a batch of {shape[0]} rows")
    return torch.stack([kind(shape[1:], generator=one, device=one.device) for one in generator]).to(like.device)


def one_each(source: Generator, rows: int) -> list[Generator]:
    """A generator on the CPU for each row, seeded by numbers of `source`: the first ones do not depend on `rows`."""
    seeds = torch.randint(2**62, (rows,), generator=source, device=source.device)
    return [Generator().manual_seed(int(seed)) for seed in seeds]


class Steered(Sequence[Generator]):
    """A generator per row whose normal numbers are moved and scaled, and kept.

    Numbers that a predictor turns into what follows a context: to choose among them is to choose among its futures.

    Attributes:
        drawn: what was drawn so far, call by call, moved and scaled: [rows, ...] each.
    """

    def __init__(self, generators: Sequence[Generator], means: Sequence[Tensor], spreads: Sequence[Tensor]) -> None:
        """`means` and `spreads`: of each call, [...] without rows; both empty for standard normal numbers."""
        self.generators = generators
        self.means = means
        self.spreads = spreads
        self.drawn: list[Tensor] = []

    @overload
    def __getitem__(self, key: int) -> Generator: ...

    @overload
    def __getitem__(self, key: slice) -> Sequence[Generator]: ...

    def __getitem__(self, key: int | slice) -> Generator | Sequence[Generator]:
        return self.generators[key]

    def __len__(self) -> int:
        return len(self.generators)

    def steer(self, white: Tensor) -> Tensor:
        """Standard normal numbers [rows, ...] moved and scaled as those of this call."""
        call = len(self.drawn)
        self.drawn.append(self.means[call] + self.spreads[call] * white if self.means else white)
        return self.drawn[-1]


def corrupt(context: Context, sigma_max: float, generator: Randomness) -> Context:
    """Context noise (eq. 9): m + sigma eps_m, z + sigma eps_z with sigma ~ U(0, sigma_max) per sample.

    One sigma per sample for motion and states alike; it is not returned, since the model must not see it.
    """
    if sigma_max == 0:
        return context
    rows = context.states.shape[0]
    sigma = sigma_max * uniform((rows,), generator, context.states)
    motion = context.motion + sigma.view(-1, 1, 1, 1, 1) * normal(
        tuple(context.motion.shape), generator, context.motion
    )
    states = context.states + sigma.view(-1, 1, 1, 1) * normal(tuple(context.states.shape), generator, context.states)
    return replace(context, motion=motion, states=states)
