"""The plan as text."""

from lamo.tools.plan.disk import Store
from lamo.tools.plan.hours import CPU_SHARE, RuleTime
from lamo.tools.plan.plan import Plan
from lamo.tools.plan.text import duration, operations, size, table
from lamo.tools.plan.warnings import warnings_of

NOT_COUNTED = (
    "Not counted: reading of stores, validation of decoder and predictors, the bootstrap, figures, videos and probes\n"
    "(minutes), the optimiser's arithmetic on GPUs, retries, and waiting of any kind."
)
DECODED = {
    "videos": "videos of the sample",
    "world": "rendered drives",
    "options": "made 720p clip, H.264 at 4 Mbit/s",
}


def report(plan: Plan, title: str) -> str:
    """All tables, what they rest on, and the warnings."""
    warnings = [f"WARNING: {one}" for one in warnings_of(plan)] or ["No warnings."]
    parts = [title, _videos(plan), _disk(plan), f"{_time(plan)}\n{_summary(plan)}", _basis(plan), "\n".join(warnings)]
    return "\n\n".join(parts)


def _videos(plan: Plan) -> str:
    clips, shards = plan.clips, plan.sizes.config.frames.shards.counts()
    splits, rows = clips.splits.values(), []
    for name, split in clips.splits.items():
        error = f"± {split.error('frames'):,.0f}" if split.error("frames") else ""
        time = duration(split.total("stored_s"))
        rows.append((name, f"{split.clips:,}", time, f"{split.frames:,}", error, f"{shards[name]:,}"))
    count, frames = sum(split.clips for split in splits), sum(split.frames for split in splits)
    time = duration(sum(split.total("stored_s") for split in splits))
    rows += [("",) * 6, ("all", f"{count:,}", time, f"{frames:,}", "", f"{sum(shards.values()):,}")]
    return f"Videos: {_source(plan)}\n" + table(("split", "clips", "time", "frames", "95 %", "shards"), rows, 1)


def _source(plan: Plan) -> str:
    clips = plan.clips
    if clips.basis == "world":
        return "drives of the synthetic world, which the run renders"
    if clips.basis == "options":
        return "as given by CLIPS and SECONDS, none was looked at"
    files = f"{clips.files:,} files, {size(clips.bytes).strip()}; headers of {clips.looked_at:,} looked at"
    return f"{files}, {len(clips.failed):,} cannot be read; {clips.short:,} clips of the sample are too short"


def _disk(plan: Plan) -> str:
    def row(store: Store) -> tuple[str, ...]:
        ratio = f"{store.ratio:.2f}" if store.basis != "counted" else ""
        return store.stage, store.name, size(store.raw), ratio, size(store.bytes), store.basis

    place, free = plan.disk
    rows = [*map(row, plan.stores), ("",) * 6]
    rows.append(("all", "", size(sum(store.raw for store in plan.stores)), "", size(plan.disk_bytes), ""))
    rows.append(("free", str(place), "", "", size(free), "measured"))
    return "Disk\n" + table(("stage", "content", "raw", "ratio", "on disk", "ratio by"), rows, 2)


def _time(plan: Plan) -> str:
    def cells(cpu_s: float, flops: float, model_s: float, timed: bool) -> tuple[str, ...]:
        cpu = duration(cpu_s)
        if not flops:
            return cpu, "", "", ""
        return cpu, operations(flops), ("" if timed else "~") + duration(model_s), duration(flops / plan.gpu.flops)

    def row(one: RuleTime) -> tuple[str, ...]:
        return one.stage, one.rule, f"{one.jobs:,}", *cells(one.cpu_s, one.flops, one.model_s, one.timed)

    sums = [sum(getattr(one, name) for one in plan.hours) for name in ("cpu_s", "flops", "model_s")]
    jobs, timed = sum(one.jobs for one in plan.hours), all(one.timed for one in plan.hours)
    rows = [*map(row, plan.hours), ("",) * 7, ("all", "", f"{jobs:,}", *cells(sums[0], sums[1], sums[2], timed))]
    head = ("stage", "rule", "jobs", "core time", "+ models", "on cores", "or on a GPU")
    return "Jobs and time\n" + table(head, rows, 2)


def _summary(plan: Plan) -> str:
    cpu, model, flops = (sum(getattr(one, name) for one in plan.hours) for name in ("cpu_s", "model_s", "flops"))
    cores, gpu = duration(cpu + model).strip(), duration(flops / plan.gpu.flops).strip()
    best = duration((cpu + model) / plan.cores).strip()
    return (
        f"Without a GPU {cores} of a core, at best {best} on the {plan.cores} cores of this machine; "
        f"with one GPU {gpu} of it and {duration(cpu).strip()} of a core."
    )


def _basis(plan: Plan) -> str:
    decoding, rates, gpu = plan.decoding, plan.rates, plan.gpu
    decoded = f"{decoding.clips} {DECODED[plan.clips.basis]}, {decoding.seconds:,.0f} s"
    frames, latents, read = (1e-6 / rate for rate in (decoding.per_byte, rates.latents, rates.statistics))
    lines = [
        ("measured", f"decoding: {1 / decoding.per_second:,.1f} s of video per core-second ({decoded})"),
        ("measured", f"stores: frames written at {frames:,.0f} MB/s per core, latents at {latents:,.0f} MB/s"),
        (
            "measured",
            f"statistics of latents: {read:,.0f} MB/s per core; scores: {1 / rates.score:,.0f} frames/s per core",
        ),
        ("measured", f"start of a job: {rates.start:.1f} core-seconds"),
        *_models(plan),
        (
            "counted",
            "jobs, clips and bytes from the configuration; work of models: all their products and convolutions",
        ),
        (
            "assumed",
            f"GPU: bfloat16 peak {gpu.peak / 1e12:,.0f} TFLOP/s ({gpu.name}) x {gpu.efficiency:g} of it reached",
        ),
    ]
    if plan.clips.basis == "options":
        lines.append(("assumed", "frames and rollouts are not compressed at all: there are none to measure it on"))
    else:
        lines.append(("measured", f"compression of frames: {decoding.ratio:.2f}; that of rollouts is assumed the same"))
    return "What this rests on\n" + "\n".join(f"{kind:8}  {text}" for kind, text in lines) + f"\n{NOT_COUNTED}"


def _models(plan: Plan) -> list[tuple[str, str]]:
    reached = [one.flops / one.core_s / plan.matmul for one in plan.counted if one.core_s]
    lines = [("measured", f"matrix products in bfloat16: {plan.matmul / 1e9:,.0f} GFLOP/s per core")]
    if reached:
        share = f"{min(reached):.2f} to {max(reached):.2f}"
        lines.append(
            ("measured", f"models on cores: {len(reached)} of {len(plan.counted)} kinds of work timed, {share} of it")
        )
    if len(reached) < len(plan.counted):
        lines.append(("assumed", f"models on cores, where too large to be timed (~): {CPU_SHARE:g} of it"))
    return lines
