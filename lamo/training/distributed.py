"""The processes of one training: their numbers, what they exchange, and which rows of a batch each one computes."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from lamo.errors import LamoError
from lamo.nn.share import Share
from lamo.training.heartbeat import Heartbeat, waiting

# In which all processes of a training have to come together. They are started at the same time.
START = timedelta(minutes=2)
# Of a single exchange. It is not what ends a training whose processes are gone (see `lamo.training.heartbeat`).
PATIENCE = timedelta(hours=2)
HERE = "127.0.0.1"
# Where a process lost another one in an exchange, as gloo says it.
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket closed")
logger = logging.getLogger(__name__)


class Deserted(LamoError):
    """Another process of the training has ended."""

    follows = True


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
        with waiting():
            dist.all_reduce(values, dist.ReduceOp.MAX)
        return int(values)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Means of `values`, under the same names in every process, over all processes."""
        if self.count == 1:
            return dict(values)
        sums = torch.tensor(list(values.values()), dtype=torch.float64)
        with waiting():
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
        with waiting():
            dist.all_gather(gathered, padded)
        return [bytes(one.tolist()).rstrip(b"\0").decode() for one in gathered]

    def wait(self) -> None:
        """Return when all processes have called this."""
        self.agree(0)


def environment() -> Processes | None:
    """This process by the variables that `lamo.jobs.launch` or SLURM's srun sets; None if it is the only one."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if "RANK" not in os.environ:
        names = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
    try:
        rank, count, local = (int(os.environ[name]) for name in names)
    except KeyError:
        return None
    except ValueError:
        raise LamoError(f"environment: {', '.join(names)} must be numbers; unset them, or let srun set them") from None
    return Processes(rank, count, local) if count > 1 else None


@contextmanager
def joined(processes: Processes, device: torch.device) -> Iterator[None]:
    """Join the processes into one group in the body: gloo between CPUs, NCCL between GPUs.

    They meet at a store, which lies in the first process or in the one that started them. Its address comes from
    MASTER_ADDR and MASTER_PORT. Where these are not set, it is the machine that srun was called on, and a port that
    follows from the number of the SLURM job. Processes of one machine meet at its loopback address: it needs no name
    that has an address, and no network.

    All processes have to come within `START`. From then on each gives signs of life, and one that gives none for two
    minutes ends the others (`lamo.training.heartbeat`). How long a process that lives may take for something, such as
    a checkpoint on a slow disk, is limited by `PATIENCE` alone.

    Raises:
        LamoError: the address is none, a process did not come in time, or another one was lost in the body.
    """
    if processes.count == 1:
        yield
        return
    address, port = _meeting_place()
    store = _meet(processes, address, port)
    heart = Heartbeat(processes.rank, processes.count, lambda: _connection(address, port), _end_this_process)
    in_order = False
    try:
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=processes.rank, world_size=processes.count, timeout=PATIENCE)
        yield
        in_order = True
    except RuntimeError as error:
        if not any(text in str(error) for text in LOST):
            raise
        raise Deserted(
            f"process {processes.rank} of {processes.count}: another process of this training has ended; what it said "
            "stands above, and if it said nothing it was killed: is the machine short of memory? Start again to go on "
            "from the last checkpoint"
        ) from None
    finally:
        heart.end(in_order)
        if dist.is_initialized():
            dist.destroy_process_group()


def _meeting_place() -> tuple[str, int]:
    """Address and port of the store that the processes share; sets what PyTorch reads, where it is not set."""
    machines = os.environ.get("SLURM_STEP_NUM_NODES", os.environ.get("SLURM_NNODES", "1"))
    first = HERE if machines == "1" else os.environ.get("SLURM_LAUNCH_NODE_IPADDR", socket.gethostname())
    address = os.environ.setdefault("MASTER_ADDR", first)
    port = os.environ.setdefault("MASTER_PORT", str(20000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 20000))
    try:
        found = socket.getaddrinfo(address, int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise LamoError(
            f"environment: MASTER_ADDR, MASTER_PORT: found {address!r}, {port!r}, expected a name or an address of the "
            f"first machine that this machine ({socket.gethostname()}) can find, and a port ({error}); set them"
        ) from None
    if all(str(place[0]).startswith("127.") or place[0] == "::1" for *_, place in found):
        # Without it gloo asks for the address of the machine's name, which may be none that it can be reached at.
        loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0] if loopback else "lo")
    return address, int(port)


def _meet(processes: Processes, address: str, port: int) -> Store:
    """The store that the processes share, once all have come."""
    try:
        store, _, _ = next(rendezvous("env://", processes.rank, processes.count, timeout=START))
    except (RuntimeError, ValueError) as error:
        raise LamoError(
            f"process {processes.rank} of {processes.count} did not find all others at {address}, port {port}, within "
            f"{START.total_seconds():.0f} s ({' '.join(str(error).split())[:300]}); has one of them failed, is the "
            "port taken or closed, or is MASTER_ADDR the address of another machine?"
        ) from None
    return store


def _connection(address: str, port: int) -> Store:
    store = TCPStore(address, port, is_master=False, timeout=START, wait_for_workers=False)
    return PrefixStore("lamo", store)


def _end_this_process(message: str) -> None:
    """End at once: the main thread is in an exchange that never returns."""
    logger.error("error: %s", message)
    for handler in logging.getLogger("lamo").handlers:
        handler.flush()
    os._exit(1)
