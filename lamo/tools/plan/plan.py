"""The whole plan of a run: everything that can be said of it before it is started."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lamo.config import Config, load_config
from lamo.tools.dry_run import Job
from lamo.tools.plan.clips import Clips, plan_clips
from lamo.tools.plan.disk import Need, Store, free_bytes, machine_memory, plan_memory, plan_stores
from lamo.tools.plan.earlier import earlier_runs
from lamo.tools.plan.geometry import sizes_of
from lamo.tools.plan.gpu import Gpu, choose_gpu
from lamo.tools.plan.jobs import planned_jobs
from lamo.tools.plan.pieces import cpu_matmul, gpu_matmul
from lamo.tools.plan.rates import Rates, measure_rates
from lamo.tools.plan.times import Clock, RuleTime
from lamo.tools.plan.work import Workload


@dataclass(frozen=True)
class Options:
    """What is asked for beside the configuration; see `lamo plan --help`."""

    clips: dict[str, int] | None = None
    seconds: float | None = None
    sample: int = 64
    gpu_tflops: float | None = None
    efficiency: float = 0.35
    results: str = "results"


@dataclass(frozen=True)
class Plan:
    """What a run needs; see the parts.

    `matmul`: operations per core-second; `disk`: a folder and its free bytes; `unread`: files of earlier runs that
    cannot be read.
    """

    config: Config
    jobs: Sequence[Job]
    clips: Clips
    stores: list[Store]
    memory: list[Need]
    times: list[RuleTime]
    rates: Rates
    matmul: float
    gpu: Gpu
    disk: tuple[Path, int]
    machine_bytes: int
    cores: int
    unread: Sequence[str] = ()

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
        rules = [{**asdict(one), "core_s": one.core_s, "gpu_s": one.operations / self.gpu.flops} for one in self.times]
        return {
            "run": self.config.run, "clips_from": self.clips.basis, "clips": clips,
            "stores": [{**asdict(store), "bytes": store.bytes} for store in self.stores],
            "disk": {"place": str(self.disk[0]), "needed": self.disk_bytes, "free": self.disk[1]},
            "rules": rules, "memory": [asdict(need) for need in self.memory], "rates": asdict(self.rates),
            "matmul_flops_per_core_s": self.matmul, "gpu": asdict(self.gpu), "cores": self.cores,
        }  # fmt: skip


def make_plan(raw: Mapping[str, Any], options: Options) -> Plan:
    """Plan the run of a configuration, as Snakemake is given it.

    Raises:
        LamoError: the configuration is wrong, or there is nothing to estimate from.
    """
    config = load_config(raw)
    clips = plan_clips(config, options.clips, options.seconds, options.sample)
    results = Path(options.results)
    jobs = planned_jobs(raw, config, results)
    workload = Workload(sizes_of(config), clips)
    with TemporaryDirectory(prefix="lamo-plan-") as folder:
        rates = measure_rates(workload.sizes, clips, Path(folder))
    matmul = cpu_matmul()
    cores = len(os.sched_getaffinity(0))
    runs = earlier_runs(results)
    clock = Clock(workload, runs, rates, matmul, cores)
    return Plan(
        config=config, jobs=jobs, clips=clips, stores=plan_stores(workload, rates), memory=plan_memory(workload),
        times=clock.rules(jobs), rates=rates, matmul=matmul,
        gpu=choose_gpu(options.gpu_tflops, options.efficiency, gpu_matmul()),
        disk=free_bytes(results / config.run), machine_bytes=machine_memory(), cores=cores,
        unread=[line for run in runs for line in run.unread],
    )  # fmt: skip
