"""Bytes of everything that a run leaves on the disk, and of the memory that its largest jobs need."""

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lamo.predictors.sampler import Sampler
from lamo.rollout.control_names import CONTROLS
from lamo.tools.plan.clips import Clips
from lamo.tools.plan.geometry import Sizes, weight_bytes
from lamo.tools.plan.jobs import rollouts_of

# Beside a row of a latents store: its checksum and its entry in the index of the shard.
ROW_BYTES = 4 + 16


@dataclass(frozen=True)
class Store:
    """Bytes of a kind of store as they would be `raw`, and over `ratio` on the disk. `basis` of the ratio: measured,
    counted (nothing is compressed) or assumed."""

    stage: str
    name: str
    raw: float
    ratio: float
    basis: str

    @property
    def bytes(self) -> float:
        """On the disk."""
        return self.raw / self.ratio


@dataclass(frozen=True)
class Need:
    """Memory (bytes) that a job of `rule` needs for what it holds at once."""

    rule: str
    bytes: float


def context_windows(sizes: Sizes, clips: Clips) -> int:
    """Windows of the held-out clips that every method is rolled out from."""
    rollouts = sizes.config.rollouts
    stride = rollouts.stride_steps(sizes.config.frames.rate_hz)
    return clips.splits["val"].windows(sizes.plan.length, stride, rollouts.windows_per_clip)


def plan_stores(sizes: Sizes, clips: Clips, ratio: float | None, video_bytes: float | None) -> list[Store]:
    """All that a run writes. `ratio` by which the frames store compresses, None if it could not be measured;
    `video_bytes` of one rendered drive of the synthetic world."""
    measured = ("assumed", 1.0) if ratio is None else ("measured", ratio)
    stores = []
    if clips.basis == "world" and video_bytes:
        drives = sum(split.clips for split in clips.splits.values())
        stores.append(Store("01_frames", "rendered videos", drives * video_bytes, 1.0, "measured"))
    for name, split in clips.splits.items():
        stores.append(Store("01_frames", f"frames {name}", split.frames * sizes.frame_bytes, measured[1], measured[0]))
    for name, split in clips.splits.items():
        row = sizes.latent_bytes + 2 * ROW_BYTES
        stores.append(Store("03_latents", f"latents {name}", split.frames * row, 1.0, "counted"))
    frames = context_windows(sizes, clips) * sizes.frame_bytes
    predicted = sum(samples_of(sizes, sampler) for _, sampler, _ in rollouts_of(sizes.config)) * sizes.plan.steps
    others = (len(CONTROLS) + 1) * sizes.plan.steps + sizes.plan.history + 1
    stores.append(Store("06_rollouts", "rollouts of predictors", frames * predicted, measured[1], measured[0]))
    stores.append(Store("06_rollouts", "controls and truth", frames * others, measured[1], measured[0]))
    return sorted([*stores, *_weights(sizes)], key=lambda store: store.stage)


def _weights(sizes: Sizes) -> list[Store]:
    predictors = {(predictor, seed) for predictor, _, seed in rollouts_of(sizes.config)}
    each = {name: weight_bytes(partial(sizes.make_predictor, name)) for name in {p for p, _ in predictors}}
    # While it trains, the last good state lies beside the Midway Network.
    midway = weight_bytes(sizes.make_midway) * (1 if sizes.config.midway.checkpoint else 2)
    weights = {
        ("02_midway", "weights"): midway,
        ("04_decoder", "weights"): weight_bytes(sizes.make_decoder),
        ("05_predictors", "weights"): sum(each[name] for name, _ in predictors),
    }
    return [Store(*key, count, 1.0, "counted") for key, count in weights.items()]


def samples_of(sizes: Sizes, sampler: Sampler) -> int:
    """Futures of a window by a sampler."""
    return 1 if sampler.deterministic else sizes.plan.samples


def plan_memory(sizes: Sizes, clips: Clips) -> list[Need]:
    """What the jobs need that hold all rollouts of a method at once (batches and the array made of them: twice)."""
    one = context_windows(sizes, clips) * sizes.plan.steps * sizes.frame_bytes
    most = one * max(samples_of(sizes, sampler) for _, sampler, _ in rollouts_of(sizes.config))
    needs = {"rollouts_predict": 2 * most, "rollouts_controls": 2 * one, "metrics_score": one + most}
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
