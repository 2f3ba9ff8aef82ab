"""Timing two ways of doing the same in turns, so that other load on the machine slows both down."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Paired:
    """Seconds of each round, of our way and of the reference."""

    ours: list[float]
    reference: list[float]

    def ratio(self) -> float:
        """Our speed relative to the reference: the median over the rounds."""
        return statistics.median(b / a for a, b in zip(self.ours, self.reference, strict=True))

    def spread(self) -> str:
        """The smallest and the largest ratio of a round, as text."""
        ratios = [b / a for a, b in zip(self.ours, self.reference, strict=True)]
        return f"{min(ratios):.2f} to {max(ratios):.2f}"


def paired(ours: Callable[[], object], reference: Callable[[], object], rounds: int = 7) -> Paired:
    """Time both in turns, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds + 1):
        for action, taken in zip((ours, reference), times, strict=True):
            start = time.perf_counter()
            action()
            if round_:
                taken.append(time.perf_counter() - start)
    return Paired(*times)


def machine(folder: Path) -> str:
    """The machine as text: processor, memory, file system of `folder`, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    disks = [d for d in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(d.mountpoint)]
    disk = max(disks, key=lambda d: len(d.mountpoint)).fstype if disks else "unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("av", "zarr", "numcodecs", "numpy", "torch"))
    return (
        f"{names[0] if names else platform.processor()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {disk}; Python {platform.python_version()}, {packages}"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
