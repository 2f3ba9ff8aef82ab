"""The whole plan of a run: everything that can be said of it before it is started."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lamo.config import Config
from lamo.tools.plan.clips import Clips, plan_clips
from lamo.tools.plan.decoding import Decoding, measure_decoding
from lamo.tools.plan.disk import Need, Store, context_windows, free_bytes, machine_memory, plan_memory, plan_stores
from lamo.tools.plan.flops import Counted, cpu_matmul, gpu_matmul, measure
from lamo.tools.plan.geometry import Sizes, sizes_of
from lamo.tools.plan.gpu import Gpu, choose_gpu
from lamo.tools.plan.hours import RuleTime, plan_hours
from lamo.tools.plan.inference import inference_units
from lamo.tools.plan.jobs import count_jobs
from lamo.tools.plan.moving_clip import write_clip
from lamo.tools.plan.pieces import Pieces
from lamo.tools.plan.rates import Rates, measure_rates
from lamo.tools.plan.training import training_units

# Length of the clip that is made where there are no videos to decode.
MADE_S = 8.0


@dataclass(frozen=True)
class Options:
    """What is asked for beside the configuration; see `python -m lamo.tools.plan --help`."""

    clips: dict[str, int] | None = None
    seconds: float | None = None
    sample: int = 64
    gpu_tflops: float | None = None
    efficiency: float = 0.35
    results: str = "results"


@dataclass(frozen=True)
class Plan:
    """See the parts."""

    sizes: Sizes
    clips: Clips
    stores: list[Store]
    memory: list[Need]
    hours: list[RuleTime]
    counted: list[Counted]
    rates: Rates
    decoding: Decoding
    matmul: float
    gpu: Gpu
    disk: tuple[Path, int]
    machine_bytes: int
    cores: int

    @property
    def disk_bytes(self) -> float:
        """What the run leaves on the disk."""
        return sum(store.bytes for store in self.stores)

    def facts(self) -> dict[str, Any]:
        """The plan for programs; bytes, seconds, operations."""
        clips = {
            name: {
                "clips": split.clips, "seconds": split.total("stored_s"), "frames": split.frames,
                "frames_error": split.error("frames"),
            }
            for name, split in self.clips.splits.items()
        }  # fmt: skip
        return {
            "run": self.sizes.config.run, "clips_from": self.clips.basis, "clips": clips,
            "stores": [{**asdict(store), "bytes": store.bytes} for store in self.stores],
            "disk": {"place": str(self.disk[0]), "needed": self.disk_bytes, "free": self.disk[1]},
            "rules": [{**asdict(one), "gpu_s": one.flops / self.gpu.flops} for one in self.hours],
            "units": [
                {"rule": one.unit.rule, "name": one.unit.name, "times": one.unit.times, "batch": one.unit.batch,
                 "flops": one.flops, "core_s": one.core_s}
                for one in self.counted
            ],
            "memory": [asdict(need) for need in self.memory], "rates": asdict(self.rates),
            "decoding": asdict(self.decoding), "matmul_flops_per_core_s": self.matmul, "gpu": asdict(self.gpu),
        }  # fmt: skip


def make_plan(config: Config, options: Options) -> Plan:
    """Estimate everything; raises `LamoError` where there is nothing to estimate from."""
    clips, sizes = plan_clips(config, options.clips, options.seconds, options.sample), sizes_of(config)
    jobs, pieces = count_jobs(config), Pieces(sizes)
    with TemporaryDirectory(prefix="lamo-plan-") as folder:
        rates = measure_rates(sizes, Path(folder))
        decoding = measure_decoding(_samples(config, clips, Path(folder)), config.frames, Path(folder))
    ratio = None if clips.basis == "options" else decoding.ratio
    stores = plan_stores(sizes, clips, ratio, rates.drive_bytes)
    matmul = cpu_matmul()
    frames = sum(split.frames for split in clips.splits.values())
    units = training_units(sizes, pieces) + inference_units(sizes, pieces, frames, context_windows(sizes, clips))
    counted = measure(units, matmul)
    return Plan(
        sizes, clips, stores, plan_memory(sizes, clips),
        plan_hours(sizes, clips, jobs, stores, counted, rates, decoding, matmul), counted, rates, decoding, matmul,
        choose_gpu(options.gpu_tflops, options.efficiency, gpu_matmul()),
        free_bytes(Path(options.results) / config.run), machine_memory(), len(os.sched_getaffinity(0)),
    )  # fmt: skip


def _samples(config: Config, clips: Clips, folder: Path) -> list[tuple[str, float]]:
    """Videos to decode, path and seconds: of the sample, the rendered drives, or a made clip."""
    if clips.basis == "world":
        drives = sorted((folder / "world" / "videos" / "val").iterdir())
        return [(str(path), config.world.seconds) for path in drives]
    if clips.basis == "options":
        return [(str(write_clip(folder / "made.mp4", MADE_S)), MADE_S)]
    sampled = {one.path: one.seconds for split in clips.splits.values() for one in split.sample if one.frames}
    # Training clips first: there are more of them.
    return list(sampled.items())
