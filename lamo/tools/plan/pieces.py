"""Pieces of model work: what they are, their operations, and the time that they take here."""

import math
import time
from dataclasses import dataclass
from functools import cached_property

import torch

from lamo.nn.flops import Make, count_flops
from lamo.training.device import has_bfloat16

MATRIX = 1024
# A piece is timed if it is done within this time at the full speed of matrix products, and is then as large as fits.
TIMED_S = 0.3
ENOUGH_S = 0.4
CPU_SHARE = 0.5
"""Share of the speed of large matrix products that a piece is assumed to reach where it is too large to be timed."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of model work on `batch` rows, such as a training step.

    `make(batch)` builds models and inputs, and returns what does the work: on fake tensors, which hold no numbers and
    take no memory, to count its operations at any size; on real ones to time it.
    """

    name: str
    batch: int
    make: Make

    @cached_property
    def operations(self) -> int:
        """Floating-point operations of matrix products and convolutions; a product and a sum are two."""
        return count_flops(self.make, self.batch)

    def seconds(self, matmul: float) -> tuple[float, bool]:
        """Core-seconds here, and whether they were timed; `matmul` as `cpu_matmul` gives it."""
        found = self._timed(matmul)
        return (self.operations / (CPU_SHARE * matmul), False) if found is None else (found, True)

    def _timed(self, matmul: float) -> float | None:
        """Timed on one thread, at a smaller batch where this one takes long; None if a single row does."""
        each = self.operations / self.batch
        batch = self.batch
        while batch > 1 and each * batch > TIMED_S * matmul:
            batch = math.ceil(batch / 2)
        if each * batch > 2 * TIMED_S * matmul:
            return None
        work = self.make(batch)
        work()
        times: list[float] = []
        # The least of some: what else the machine does can only add.
        while not times or (sum(times) < ENOUGH_S and len(times) < 10):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times) * self.batch / batch


def cpu_matmul() -> float:
    """Operations per second of one core in the product of two large matrices, in bfloat16 where it has units for it."""
    a, b = torch.randn(2, MATRIX, MATRIX).to(torch.bfloat16 if has_bfloat16(torch.device("cpu")) else torch.float32)
    a @ b
    start = time.process_time()
    done = 0
    while time.process_time() - start < 0.5:
        a @ b
        done += 1
    return done * 2 * MATRIX**3 / (time.process_time() - start)


def gpu_matmul() -> float | None:
    """The same of the GPU, in seconds that pass; None where there is none."""
    if not torch.cuda.is_available():
        return None
    a, b = torch.randn(2, 8192, 8192, device="cuda").bfloat16()
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        a @ b
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - start)
