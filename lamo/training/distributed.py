"""The processes of one training: their numbers, what they exchange, and which rows of a batch each one computes."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist

from lamo.errors import LamoError
from lamo.nn.share import Share

# How long processes wait for each other: one may read a slow disk, and the first writes the checkpoints.
PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Processes:
    """This process among those of a training: `rank` of `count`, `local_rank` on its machine."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def main(self) -> bool:
        """Whether this is the one that writes files and talks to people."""
        return self.rank == 0

    def shares(self, total: int, parts: int = 1) -> list[Share]:
        """This process's rows of a batch of `total`, cut into `parts` that are computed one after another.

        Parts are as equal in size as possible. A part without rows computes one row whose loss does not count, because
        every process has to take part in every exchange of gradients.
        """
        edges = np.linspace(0, total, self.count * parts + 1).round().astype(int)
        mine = range(self.rank * parts, (self.rank + 1) * parts)
        return [Share.of(int(edges[part]), int(edges[part + 1]), total, self.count) for part in mine]

    def agree(self, value: int) -> int:
        """The greatest `value` of all processes."""
        if self.count == 1:
            return value
        values = torch.tensor([value])
        dist.all_reduce(values, dist.ReduceOp.MAX)
        return int(values)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Means of `values`, under the same names in every process, over all processes."""
        if self.count == 1:
            return dict(values)
        sums = torch.tensor(list(values.values()), dtype=torch.float64)
        dist.all_reduce(sums)
        return dict(zip(values, (sums / self.count).tolist(), strict=True))

    def gather(self, text: str) -> list[str]:
        """The `text` of every process, by rank."""
        if self.count == 1:
            return [text]
        mine = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        length = self.agree(len(mine))
        padded = torch.zeros(length, dtype=torch.uint8)
        padded[: len(mine)] = mine
        gathered = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(gathered, padded)
        return [bytes(one.tolist()).rstrip(b"\0").decode() for one in gathered]

    def wait(self) -> None:
        """Return when all processes have called this."""
        self.agree(0)


def environment() -> Processes | None:
    """This process by the variables of torchrun or of SLURM's srun; None if neither started it as one of several."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if "RANK" not in os.environ:
        names = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
    try:
        rank, count, local = (int(os.environ[name]) for name in names)
    except KeyError:
        return None
    except ValueError:
        raise LamoError(f"environment: {', '.join(names)} must be numbers; start with torchrun or srun") from None
    return Processes(rank, count, local) if count > 1 else None


@contextmanager
def joined(processes: Processes, device: torch.device) -> Iterator[None]:
    """Join the processes into one group in the body: gloo between CPUs, NCCL between GPUs.

    The address of the first process comes from MASTER_ADDR and MASTER_PORT. Where these are not set, it is the machine
    that srun was called on, and a port that follows from the number of the SLURM job.
    """
    if processes.count == 1:
        yield
        return
    job = int(os.environ.get("SLURM_JOB_ID", "0"))
    os.environ.setdefault("MASTER_ADDR", os.environ.get("SLURM_LAUNCH_NODE_IPADDR", socket.gethostname()))
    os.environ.setdefault("MASTER_PORT", str(20000 + job % 20000))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=processes.rank, world_size=processes.count, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()
