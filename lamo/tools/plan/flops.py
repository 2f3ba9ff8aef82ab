"""Floating-point operations of units of work (`lamo.nn.flops`), and how fast this machine does them."""

import math
import time
from dataclasses import dataclass

import torch
from tqdm import tqdm

from lamo.nn.flops import count_flops
from lamo.tools.plan.units import Unit

MATRIX = 1024
# A unit is timed if it is done within this time at the full speed of matrix products, and is then as large as fits.
TIMED_S = 0.3
ENOUGH_S = 0.4


@dataclass(frozen=True)
class Counted:
    """A unit with the floating-point operations of one (matrix products and convolutions; a product and a sum are two),
    and the core-seconds of one on this machine where it was timed."""

    unit: Unit
    flops: int
    core_s: float | None = None

    @property
    def total_flops(self) -> float:
        """Of the whole run."""
        return self.unit.times * self.flops


def measure(units: list[Unit], matmul: float) -> list[Counted]:
    """Count all units, and time those that are small enough for this machine's `matmul` operations per core-second."""
    counted, known = [], {}
    for unit in tqdm(units, desc="counting and timing the models", unit="unit", leave=False):
        flops = 0
        for factor, make in unit.parts:
            if make not in known:
                known[make] = count_flops(make)
            flops += factor * known[make]
        counted.append(Counted(unit, flops, time_unit(unit, flops, matmul)))
    return counted


def time_unit(unit: Unit, flops: int, matmul: float) -> float | None:
    """Core-seconds of a unit on one thread, from a smaller batch where it is large; None if one window is too large."""
    batch = unit.batch
    while batch > 1 and flops * batch / unit.batch > TIMED_S * matmul:
        batch = math.ceil(batch / 2)
    if flops * batch / unit.batch > 2 * TIMED_S * matmul:
        return None
    times: list[float] = []
    run = unit.make(batch)
    run()
    # The least of some: what else the machine does can only add.
    while not times or (sum(times) < ENOUGH_S and len(times) < 10):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times) * unit.batch / batch


def cpu_matmul() -> float:
    """bfloat16 operations per second of one core in the product of two large matrices."""
    a, b = torch.randn(2, MATRIX, MATRIX).bfloat16()
    a @ b
    start, done = time.process_time(), 0
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
