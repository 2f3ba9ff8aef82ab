"""Reading random windows of latents of the paper's size, compared with a memory map and with zarr-python.

python -m benchmarks.reading
"""

import argparse
import itertools
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
import zarr

from benchmarks.timing import machine, paired, table
from lamo.predictors.data import LatentWindows
from lamo.predictors.statistics import Statistics
from lamo.stores.latents import LatentsStore, LatentsWriter, open_latents
from lamo.stores.windows import ShuffledOrder
from lamo.training.loader import Loader

# 224 x 224 pixels in patches of 16, ViT-S; 3 levels of 10 motion tokens; K + 1 = 4 observed frames and the next.
GRID = (14, 14)
STATE, MOTION, HISTORY = (196, 384), (3, 10, 192), 3
CLIP_FRAMES, BATCH = 200, 64
# What training the paper-size predictor on one current GPU needs; a demand, not a measurement.
WANTED_PER_S = 1300


class Floor:
    """The same rows in plain files that are mapped into memory: about the fastest way there is."""

    def __init__(self, folder: Path, stores: list[LatentsStore]) -> None:
        self.maps = []
        for number, store in enumerate(stores):
            files = []
            for name, rows in (("state", store.state), ("motion", store.motion)):
                path = folder / f"{number}.{name}.bin"
                rows[:].tofile(path)
                files.append(np.memmap(path, dtype=np.float16, mode="r", shape=rows.shape))
            self.maps.append(files)

    def read(self, places: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        states = np.empty((len(places), HISTORY + 2, *STATE), np.float16)
        motion = np.empty((len(places), HISTORY + 1, *MOTION), np.float16)
        for i, (owner, start) in enumerate(places):
            states[i] = self.maps[owner][0][start : start + HISTORY + 2]
            motion[i] = self.maps[owner][1][start : start + HISTORY + 1]
        return states, motion


class ZarrArrays:
    """States and motion tokens of each store, read by zarr-python."""

    def __init__(self, arrays: list[list[zarr.Array]]) -> None:
        self.arrays = arrays

    def read(self, places: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        states = [self.arrays[owner][0][start : start + HISTORY + 2] for owner, start in places]
        motion = [self.arrays[owner][1][start : start + HISTORY + 1] for owner, start in places]
        return np.stack(states), np.stack(motion)


def with_defaults(folder: Path, stores: list[LatentsStore]) -> ZarrArrays:
    """The same rows in Zarr arrays with the default settings of zarr-python."""
    arrays = []
    for number, store in enumerate(stores):
        group = zarr.open_group(str(folder / f"{number}.default.zarr"), mode="w")
        rows = (("state", store.state), ("motion", store.motion))
        arrays.append([group.create_array(name, data=values[:]) for name, values in rows])
    return ZarrArrays(arrays)


def write_stores(folder: Path, clips: int, stores: int = 2) -> list[LatentsStore]:
    """Stores of random latents: how fast they are read does not depend on the values."""
    rng = np.random.default_rng(0)
    paths = [(folder / f"{number}.zarr", folder / f"{number}.manifest.json") for number in range(stores)]
    for number, (store, manifest) in enumerate(paths):
        with LatentsWriter(store, manifest, GRID, (0,)) as writer:
            for clip in range(number, clips, stores):
                writer.add_clip(str(clip), normal(rng, (CLIP_FRAMES, *STATE)), normal(rng, (CLIP_FRAMES, *MOTION)))
    return open_latents([str(store) for store, _ in paths], [str(manifest) for _, manifest in paths])


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normally distributed float16, as the outputs of a LayerNorm about are."""
    return rng.standard_normal(shape, dtype=np.float32).astype(np.float16)


def places(stores: list[LatentsStore], picks: np.ndarray) -> list[tuple[int, int]]:
    """Store and row at which each window begins; all clips have the same length."""
    per_clip = CLIP_FRAMES - HISTORY - 1
    clip, start = np.divmod(picks, per_clip)
    first = np.cumsum([0, *(len(store) for store in stores)])
    owner = np.searchsorted(first, clip, side="right") - 1
    return list(zip(owner.tolist(), ((clip - first[owner]) * CLIP_FRAMES + start).tolist(), strict=True))


def no_scaling() -> Statistics:
    return Statistics(torch.zeros(MOTION), torch.ones(MOTION), torch.zeros(STATE[1]), torch.ones(STATE[1]))


def rate(windows: LatentWindows, batches: int, workers: int) -> float:
    """Windows per second through the loader."""
    draws = itertools.islice(ShuffledOrder(len(windows), 0).batches(BATCH), batches)
    with Loader(windows.read, draws, workers) as loader:
        next(loader)
        start = time.perf_counter()
        return sum(len(rows.states) for rows in loader) / (time.perf_counter() - start)


def worker_memory(windows: LatentWindows) -> float:
    """Memory of a worker process while it reads, without what it shares with its parent; MB."""
    with Loader(windows.read, ShuffledOrder(len(windows), 0).batches(BATCH), 1) as loader:
        for _ in range(20):
            next(loader)
        return max(child.memory_full_info().uss for child in psutil.Process().children()) / 1e6


def alone(windows: LatentWindows, batches: int, seed: int, rates: multiprocessing.Queue) -> None:
    """Read in a process of its own, without a loader, as one of several trainings on a machine does."""
    order = ShuffledOrder(len(windows), seed).batches(BATCH)
    windows.read(next(order))
    start = time.perf_counter()
    for _ in range(batches):
        windows.read(next(order))
    rates.put(batches * BATCH / (time.perf_counter() - start))


def together(windows: LatentWindows, processes: int, batches: int) -> float:
    """Windows per second of several processes that read at the same time."""
    context = multiprocessing.get_context("fork")
    rates = context.Queue()
    running = [context.Process(target=alone, args=(windows, batches, seed, rates)) for seed in range(processes)]
    for process in running:
        process.start()
    total = sum(rates.get() for _ in running)
    for process in running:
        process.join()
    return total


def measure(folder: Path, clips: int, rounds: int) -> str:
    """The table of this benchmark, as Markdown."""
    stores = write_stores(folder, clips)
    windows = LatentWindows(stores, HISTORY, no_scaling())
    order = ShuffledOrder(len(windows), 1)
    batches = [order.draw(i * BATCH, BATCH) for i in range(5)]
    floor, defaults = Floor(folder, stores), with_defaults(folder, stores)
    same = ZarrArrays([[zarr.open_group(str(s.path), mode="r")[name] for name in ("state", "motion")] for s in stores])
    known = [places(stores, picks) for picks in batches]
    for picks, rows in zip(batches, known, strict=True):
        read = windows.read(picks)
        for found in (floor.read(rows), defaults.read(rows), same.read(rows)):
            np.testing.assert_array_equal(read.states.numpy(), found[0])
            np.testing.assert_array_equal(read.motion.numpy(), found[1])
    # A reader checks only what it reads for the first time: every round gets a fresh one.
    fresh = iter([LatentWindows(open_again(stores), HISTORY, no_scaling()) for _ in range(rounds + 1)])
    first = paired(
        lambda: [new.read(p) for new in [next(fresh)] for p in batches], lambda: [floor.read(p) for p in known], rounds
    )
    again = paired(lambda: [windows.read(p) for p in batches], lambda: [floor.read(p) for p in known], rounds)
    ours = paired(lambda: windows.read(batches[0]), lambda: same.read(known[0]), max(3, rounds // 2))
    plain = paired(lambda: windows.read(batches[0]), lambda: defaults.read(known[0]), max(3, rounds // 2))
    one, two = (statistics.median(together(windows, n, 40) for _ in range(3)) for n in (1, 2))
    rows = [
        ["random windows, against `numpy.memmap` of the same bytes", f"{again.ratio():.2f}", again.spread(), ">= 0.7"],
        ["the same, every row read for the first time: files opened, checksums compared", f"{first.ratio():.2f}",
         first.spread(), ""],
        ["random windows, against zarr-python on the same files", f"{ours.ratio():.1f}", ours.spread(), ""],
        ["random windows, against zarr-python with its defaults", f"{plain.ratio():.0f}", plain.spread(), ">= 2"],
        ["two processes, against one", f"{two / one:.2f}", "", ""],
    ]  # fmt: skip
    per_s = len(batches) * BATCH / statistics.median(again.ours)
    window = windows.read(batches[0][:1])
    size = (window.states.nbytes + window.motion.nbytes) / 1e6
    facts = [
        f"One process reads {per_s:,.0f} windows of {size:.2f} MB per second, {per_s / WANTED_PER_S:.1f} times the "
        f"{WANTED_PER_S:,} that training the paper-size predictor on one current GPU needs",
        f"through the loader with its thread {rate(windows, 60, 0):,.0f} per second, with 1 worker process "
        f"{rate(windows, 60, 1):,.0f}, with 2 {rate(windows, 60, 2):,.0f}",
        f"a worker process has {worker_memory(windows):,.0f} MB for itself, of which batches of {BATCH} windows "
        f"({BATCH * size:.0f} MB) are most",
    ]
    return table(["reading latents", "ratio", "rounds", "target"], rows) + "\n\n" + ";\n".join(facts) + "."


def open_again(stores: list[LatentsStore]) -> list[LatentsStore]:
    """The same stores, opened again, so that nothing of them was read yet."""
    paths = [str(store.path) for store in stores]
    return open_latents(paths, [path.replace(".zarr", ".manifest.json") for path in paths])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=16, help="clips of 200 frames; 32 MB each")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=Path("results"), help="where stores are written; removed again")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(machine(options.folder))
        print(measure(Path(folder), options.clips, options.rounds))


if __name__ == "__main__":
    main()
