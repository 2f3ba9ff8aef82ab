"""Core-hours and GPU-hours of every rule, from what it does and the rates of this machine."""

from collections import defaultdict
from dataclasses import dataclass

from lamo.rollout.control_names import CONTROLS
from lamo.tools.plan.clips import Clips
from lamo.tools.plan.decoding import Decoding
from lamo.tools.plan.disk import Store, context_windows, samples_of
from lamo.tools.plan.flops import Counted
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.jobs import rollouts_of
from lamo.tools.plan.rates import Rates

CPU_SHARE = 0.5
"""Share of the speed of large matrix products that model work is assumed to reach on a CPU where it cannot be timed."""


@dataclass(frozen=True)
class RuleTime:
    """One rule: `jobs`; core-seconds of its work beside the models (`cpu_s`); floating-point operations of the models,
    and their core-seconds on this machine (`model_s`), which are `timed` or assumed."""

    stage: str
    rule: str
    jobs: int
    cpu_s: float
    flops: float = 0.0
    model_s: float = 0.0
    timed: bool = True


def plan_hours(
    sizes: Sizes, clips: Clips, jobs: dict[str, dict[str, int]], stores: list[Store], counted: list[Counted],
    rates: Rates, decoding: Decoding, matmul: float,
) -> list[RuleTime]:  # fmt: skip
    """The rules of the workflow in its order. `matmul` operations per core-second of this machine."""
    work = _cpu_work(sizes, clips, stores, rates, decoding)
    flops: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    timed: dict[str, bool] = defaultdict(lambda: True)
    for one in counted:
        rule = one.unit.rule
        flops[rule] += one.total_flops
        if one.core_s is None:
            timed[rule] = False
            seconds[rule] += one.total_flops / (CPU_SHARE * matmul)
        else:
            seconds[rule] += one.unit.times * one.core_s
    return [
        RuleTime(stage, rule, count, count * rates.start + work[rule], flops[rule], seconds[rule], timed[rule])
        for stage, rules in jobs.items()
        for rule, count in rules.items()
    ]


def _cpu_work(
    sizes: Sizes, clips: Clips, stores: list[Store], rates: Rates, decoding: Decoding
) -> defaultdict[str, float]:
    """Core-seconds by rule beside models and the start of jobs; of rules that are not named too little to count."""
    rollouts, splits, windows = sizes.config.rollouts, clips.splits.values(), context_windows(sizes, clips)
    raw: dict[str, float] = defaultdict(float)
    for store in stores:
        raw[store.name] += store.raw
    stride = rollouts.stride_steps(sizes.config.frames.rate_hz)
    fitted = min(
        rollouts.blur_windows, clips.splits["train"].windows(sizes.plan.length, stride, rollouts.windows_per_clip)
    )
    blurred = windows * sizes.plan.steps + fitted * len(rollouts.blur_sigmas)
    written = decoding.per_byte
    work = {
        "world_render": rates.render * sum(split.clips for split in splits),
        "frames_decode": decoding.per_second * sum(split.total("seconds") for split in splits)
        + written * (raw["frames train"] + raw["frames val"]),
        "latents_encode": rates.latents * (raw["latents train"] + raw["latents val"]),
        "latents_statistics": rates.statistics * raw["latents train"],
        "rollouts_predict": written * raw["rollouts of predictors"],
        "rollouts_controls": written * raw["controls and truth"] + rates.blur * blurred,
        "metrics_features": rates.features,
        "metrics_score": rates.score * scored_frames(sizes, windows),
    }
    return defaultdict(float, work)


def scored_frames(sizes: Sizes, windows: int) -> int:
    """Predicted frames that are compared with the truth, of all methods."""
    samples = sum(samples_of(sizes, sampler) for _, sampler, _ in rollouts_of(sizes.config))
    return windows * sizes.plan.steps * (samples + len(CONTROLS))
