"""How many jobs each rule of the workflow will have."""

import re
from dataclasses import dataclass
from pathlib import Path

from lamo.config import Config
from lamo.dataset.companions import INFO_PLACES, STILL_PLACES, companion_folder
from lamo.errors import LamoError
from lamo.predictors.kinds import find_kind
from lamo.predictors.sampler import Sampler

RULES = Path(__file__).resolve().parents[3] / "workflow" / "rules"


def samplers_of(config: Config) -> list[tuple[str, Sampler]]:
    """Entry and sampler of every row of a trained predictor."""
    kinds = {name: find_kind(entry.kind) for name, entry in config.predictors.entries.items()}
    return [(row.entry, kinds[row.entry].parse(row.sampler, row.entry)) for row in config.predictors.rows()]


def rollouts_of(config: Config) -> list[tuple[str, Sampler, int]]:
    """Entry, sampler and seed of every rollout of a trained predictor."""
    return [(entry, sampler, seed) for entry, sampler in samplers_of(config) for seed in config.predictors.seeds]


def count_jobs(config: Config) -> dict[str, dict[str, int]]:
    """Jobs by stage and rule of a run from an empty folder; `snakemake --dry-run` says the same."""
    world, rollouts = config.videos.root is None, rollouts_of(config)
    shards = sum(config.frames.shards.counts().values())
    info, stills = _companions(config)
    frames = {"frames_find": 1, "frames_decode": shards, "frames_info": info, "frames_collect": 1, "frames_sheet": 1}
    frames |= {"frames_stills_find": stills, "frames_stills": shards * stills, "frames_stills_collect": stills}
    metrics = dict.fromkeys(("score", "table", "comparisons", "figures", "videos", "token_groups"), 1)
    metrics |= {"features": int(config.metrics.fid.weights is None), "probe": int(world)}
    stages = {
        "01_frames": {"world_render": 2 * world, **frames},
        "02_midway": {"midway_import" if config.midway.checkpoint else "midway_train": 1},
        "03_latents": {"latents_encode": shards, "latents_statistics": 1},
        "04_decoder": {"decoder_train": 1},
        "05_predictors": {
            "predictors_train": len({(predictor, seed) for predictor, _, seed in rollouts}),
            "predictors_matched": 1,
        },
        "06_rollouts": {"rollouts_predict": len(rollouts), "rollouts_controls": 1},
        "07_metrics": {f"metrics_{name}": count for name, count in metrics.items()},
    }
    return {stage: {rule: count for rule, count in rules.items() if count} for stage, rules in stages.items()}


def _companions(config: Config) -> tuple[int, int]:
    """Whether (1 or 0) there are info files and stills beside the videos; none where there are no videos yet."""
    videos = config.videos
    if videos.root is None or not Path(videos.root).is_dir():
        return 0, 0
    info = companion_folder("videos.info", videos.info, videos.root, INFO_PLACES)
    stills = companion_folder("videos.stills", videos.stills, videos.root, STILL_PLACES)
    return int(info is not None), int(stills is not None)


@dataclass(frozen=True)
class Asked:
    """What the workflow asks for a job at its first attempt: threads, bytes of memory, seconds."""

    threads: int
    memory: int
    seconds: int


def asked_for(rule: str) -> Asked:
    """Read from the rule files; raises `LamoError` where it does not stand there."""
    for path in sorted(RULES.glob("0*.smk")):
        text = path.read_text(encoding="utf-8").partition(f"rule {rule}:\n")[2].partition("rule ")[0]
        memory, minutes = (
            re.search(rf"{name}=lambda wildcards, attempt: (\d+) \* attempt", text) for name in ("mem_mb", "runtime")
        )
        threads = re.search(r"threads: (\d+)", text)
        if memory and minutes and threads:
            return Asked(int(threads[1]), int(memory[1]) * 10**6, int(minutes[1]) * 60)
    raise LamoError(f"{RULES}: found no threads, mem_mb and runtime of rule {rule}, expected N and N * attempt")
