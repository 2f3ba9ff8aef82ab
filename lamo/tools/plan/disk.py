"""Bytes of everything that a run leaves on the disk, and of the memory that its largest jobs need."""

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lamo.rollout.control_names import CONTROLS
from lamo.stages import STAGES
from lamo.tools.plan.geometry import weight_bytes
from lamo.tools.plan.rates import Rates
from lamo.tools.plan.work import Workload

# Beside a row of a latents store: its checksum and its entry in the index of the shard.
ROW_BYTES = 4 + 16


@dataclass(frozen=True)
class Store:
    """Bytes of a kind of store: `raw`, and `ratio` times fewer on the disk.

    `basis` of the ratio: measured, counted (nothing is compressed) or assumed.
    """

    stage: str
    name: str
    raw: float
    ratio: float = 1.0
    basis: str = "counted"

    @property
    def bytes(self) -> float:
        """On the disk."""
        return self.raw / self.ratio


@dataclass(frozen=True)
class Need:
    """Memory (bytes) that a job of `rule` needs for what it holds at once."""

    rule: str
    bytes: float


def plan_stores(workload: Workload, rates: Rates) -> list[Store]:
    """All that a run writes, in the order of the stages; what it shares with another run is there already."""
    sizes = workload.sizes
    clips = workload.clips
    measured = (1.0, "assumed") if clips.basis == "options" else (rates.ratio, "measured")
    stores = []
    if clips.basis == "world":
        drives = sum(split.clips for split in clips.splits.values())
        stores.append(Store("01_frames", "rendered videos", drives * rates.video_bytes, 1.0, "measured"))
    for name, split in clips.splits.items():
        stores.append(Store("01_frames", f"frames {name}", split.frames * sizes.frame_bytes, *measured))
        row = sizes.latent_bytes + 2 * ROW_BYTES
        stores.append(Store("03_latents", f"latents {name}", split.frames * row))
    future = sizes.plan.steps * sizes.frame_bytes
    predicted = future * sum(workload.futures(entry, label) for entry, label, _ in sizes.rows)
    observed = workload.windows * (sizes.plan.history + 1) * sizes.frame_bytes
    others = future * ((len(CONTROLS) + 1) * workload.control_futures + workload.ideal_futures) + observed
    stores.append(Store("06_rollouts", "rollouts of predictors", predicted, *measured))
    stores.append(Store("06_rollouts", "controls and truth", others, *measured))
    shared = {STAGES[name].folder for name in sizes.config.share.stages}
    own = [store for store in [*stores, *_weights(workload)] if store.stage not in shared]
    return sorted(own, key=lambda store: store.stage)


def _weights(workload: Workload) -> list[Store]:
    sizes = workload.sizes
    trained = {(entry, seed) for entry, _, seed in sizes.rows}
    each = {entry: weight_bytes(partial(sizes.make_predictor, entry)) for entry in {entry for entry, _ in trained}}
    # While it trains, the last good state lies beside the Midway Network.
    midway, decoder = weight_bytes(sizes.make_midway), weight_bytes(sizes.make_decoder)
    # A predictor that was trained together with an f_fwd has a network of its own.
    entries = sizes.config.predictors.entries
    own = {entry: each[entry] + (midway if entries[entry].end_to_end else 0) for entry in each}
    return [
        Store("02_midway", "weights", midway * (1 if sizes.config.midway.checkpoint else 2)),
        Store("04_decoder", "weights", decoder),
        Store("05_predictors", "weights", sum(own[entry] for entry, _ in trained)),
        Store("model", "weights", midway + decoder + sum(own.values())),
    ]


def plan_memory(workload: Workload) -> list[Need]:
    """What the jobs need that hold all rollouts of a method at once (batches and the array made of them: twice)."""
    sizes = workload.sizes
    future = sizes.plan.steps * sizes.frame_bytes
    one = future * max(workload.windows, workload.control_futures - workload.windows)
    several = workload.windows * max(sizes.samples(entry, label) for entry, label, _ in sizes.rows)
    most = future * max(several, workload.single_windows)
    both = future * (several + workload.single_windows)
    truth = future * workload.windows
    needs = {"rollouts_predict": 2 * most, "rollouts_controls": 2 * one, "metrics_score": 2 * truth + both}
    return [Need(rule, count) for rule, count in needs.items()]


def free_bytes(folder: str | Path) -> tuple[Path, int]:
    """The nearest existing folder at or above `folder`, and the bytes free on its disk."""
    place = Path(folder).absolute()
    while not place.is_dir():
        place = place.parent
    return place, shutil.disk_usage(place).free


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
