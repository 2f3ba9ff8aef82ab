"""One optimiser step on a batch, which several processes can share and each can compute in parts."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn
from torch.distributed import GradBucket  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from lamo.nn.share import Share, sharing
from lamo.training.heartbeat import waiting
from lamo.training.session import Session

Rows = TypeVar("Rows")


class Learner(Generic[Rows]):
    """Backward passes, clipping of the gradient's norm to `clip`, optimiser step.

    `loss(rows)` gives named values, each a mean over the rows. The one called `minimised` is minimised over
    `parameters`, by default all trained parameters of `modules`; the norm of the gradient is summed in their order.
    `generators` are those that `loss` draws from besides torch's global ones. Where a batch is computed in parts, they
    are set back before each part, so that all parts together draw what the whole batch would.
    `every_step_trains_all`: whether each loss depends on all parameters. Where it does not, several processes have to
    search for the parameters without a gradient, which takes time.
    """

    def __init__(
        self, loss: Callable[[Rows], Mapping[str, Tensor]], modules: Sequence[nn.Module],
        optimizer: torch.optim.Optimizer, clip: float, session: Session, generators: Sequence[Generator] = (),
        every_step_trains_all: bool = True, *, parameters: list[nn.Parameter] | None = None, minimised: str = "loss",
    ) -> None:  # fmt: skip
        self.optimizer = optimizer
        self.clip = clip
        self.session = session
        self.generators = generators
        self.minimised = minimised
        if parameters is None:
            parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
        self.parameters = parameters
        self.objective: nn.Module = _Objective(loss, modules)
        if session.processes.count > 1:
            self.objective = DistributedDataParallel(
                self.objective, broadcast_buffers=False, find_unused_parameters=not every_step_trains_all
            )
            # The sum of two numbers has no order, and GPUs have no say in theirs.
            if session.processes.count > 2 and session.device.type == "cpu":
                self.objective.register_comm_hook(None, _mean_in_order)

    def shares(self, total: int) -> list[Share]:
        """This process's rows of a batch of `total`, part by part."""
        return self.session.processes.shares(total, self.session.parts)

    def learn(self, rows: Rows, total: int) -> dict[str, Tensor]:
        """One step on a batch of `total` rows, of which `rows` are this process's (see `local_rows`).

        Returns the values of `loss`, such that their mean over the processes is that of the batch, and the norm of the
        gradient before clipping.
        """
        self.optimizer.zero_grad(set_to_none=True)
        shares = self.shares(total)
        values: dict[str, Tensor] = {}
        start = self._random_states() if len(shares) > 1 else None
        for number, share in enumerate(shares):
            if number and start is not None:
                self._turn_back(start)
            last = number == len(shares) - 1
            with sharing(share), nullcontext() if last else self._without_exchange():
                found = dict(self.objective(_part(rows, share, shares)))
                loss = found[self.minimised]
                # The gradients of the last part are exchanged on the way.
                with waiting() if last else nullcontext():
                    (loss if share.weight == 1.0 else share.weight * loss).backward()
            for name, value in found.items():
                value = value.detach() if share.weight == 1.0 else share.weight * value.detach()
                values[name] = values[name] + value if name in values else value
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        return {**values, "gradient_norm": norm}

    def _without_exchange(self) -> AbstractContextManager[None]:
        return self.objective.no_sync() if isinstance(self.objective, DistributedDataParallel) else nullcontext()

    def _random_states(self) -> list[Tensor]:
        device = self.session.device
        cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
        return [torch.get_rng_state(), *(one.get_state() for one in self.generators), *cuda]

    def _turn_back(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        for one, state in zip(self.generators, states[1:], strict=False):
            one.set_state(state)
        if self.session.device.type == "cuda":
            torch.cuda.set_rng_state(states[-1], self.session.device)


class _Objective(nn.Module):
    """A loss as a module: DistributedDataParallel finds in it the parameters whose gradients are exchanged."""

    def __init__(self, loss: Callable[[Any], Mapping[str, Tensor]], modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.loss, self.trained = loss, nn.ModuleList(modules)

    def forward(self, rows: object) -> dict[str, Tensor]:
        return dict(self.loss(rows))


def _mean_in_order(state: None, bucket: GradBucket) -> torch.futures.Future[Tensor]:
    """The mean of the gradients of all processes, summed in the order of the processes.

    An all-reduce sums in an order that depends on where in the bucket a number lies, and DistributedDataParallel fills
    its buckets anew after the first step. A training that goes on from a checkpoint would have other bits.
    """
    count = dist.get_world_size()
    gathered = [torch.empty_like(bucket.buffer()) for _ in range(count)]
    dist.all_gather(gathered, bucket.buffer())
    for other in gathered[1:]:
        gathered[0] += other
    done: torch.futures.Future[Tensor] = torch.futures.Future()
    done.set_result(gathered[0] / count)
    return done


def local_rows(session: Session, total: int) -> slice:
    """The rows of a batch of `total` that this process reads, those of all its parts."""
    shares = session.processes.shares(total, session.parts)
    return slice(min(share.begin for share in shares), max(share.end for share in shares))


def _part(rows: Rows, share: Share, shares: Sequence[Share]) -> Rows:
    """The rows of one part; all of `rows` if there is but one."""
    if len(shares) == 1:
        return rows
    first = min(one.begin for one in shares)
    chosen = slice(share.begin - first, share.end - first)
    batch: Any = rows  # a dataclass of tensors
    return replace(batch, **{one.name: getattr(batch, one.name)[chosen] for one in fields(batch)})
