"""A process's share of a batch: which of its rows it computes.

Several processes can share a batch, and one process can compute it in parts. The result must be that of one process
with the whole batch. Therefore random numbers for rows are drawn for all rows of the batch, and each share takes its
own (`draw`). A loss that needs a mean over rows takes the mean over the batch (`batch_mean`). Outside `sharing`, one
process has the whole batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Generator, Tensor


@dataclass(frozen=True)
class Share:
    """Rows `begin` to `end` of a batch of `total`.

    Attributes:
        counted: how many of these rows enter the mean of the loss: none, or all.
        weight: of their mean loss. Each process sums its parts; the mean over the processes is the loss of the batch.
    """

    begin: int
    end: int
    total: int
    counted: int
    weight: float

    @classmethod
    def of(cls, begin: int, end: int, total: int, processes: int) -> "Share":
        """The share of one of `processes`; an empty one stands at a row that does not count."""
        counted = end - begin
        if not counted:
            begin = min(begin, total - 1)
            end = begin + 1
        return cls(begin, end, total, counted, counted * processes / total)

    @property
    def whole(self) -> bool:
        return self.end - self.begin == self.total


_current: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """In the body `draw` and `batch_mean` are those of the batch of which `share` is a part."""
    token = _current.set(share)
    try:
        yield
    finally:
        _current.reset(token)


def draw(
    kind: Callable[..., Tensor], shape: tuple[int, ...], generator: Generator | None = None,
    device: torch.device | None = None, dtype: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """Random numbers by `kind` (torch.rand or torch.randn) of `shape` [rows, ...].

    Each row of the share has equally many of these rows; those of one row stand one after another.
    """
    share = _current.get()
    if share is None or share.whole:
        return kind(shape, generator=generator, device=device, dtype=dtype)
    each, rest = divmod(shape[0], share.end - share.begin)
    if rest:
        raise ValueError(f"{shape[0]} rows to draw for a share of {share.end - share.begin}")
    drawn = kind((share.total * each, *shape[1:]), generator=generator, device=device, dtype=dtype)
    return drawn[share.begin * each : share.end * each]


def batch_mean(value: Tensor) -> Tensor:
    """Mean over the batch, as a constant, of `value`, which is a mean over the rows of this share.

    Where a process computes its share in parts, it is the mean over the parts that are computed at the same time.
    """
    share = _current.get()
    value = value.detach()
    if share is None or not dist.is_initialized():
        return value
    counted = value.new_full((1,), float(share.counted))
    sums = torch.cat([counted * value.reshape(-1), counted])
    dist.all_reduce(sums)
    return (sums[:-1] / sums[-1].clamp_min(1)).reshape(value.shape)


def share_size() -> tuple[int, int]:
    """Rows of the present share and of its batch; (0, 0) outside `sharing`."""
    share = _current.get()
    return (share.end - share.begin, share.total) if share else (0, 0)
