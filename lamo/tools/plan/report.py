"""The plan as text."""

from lamo.tools.plan.disk import Store
from lamo.tools.plan.pieces import CPU_SHARE
from lamo.tools.plan.plan import Plan
from lamo.tools.plan.text import duration, operations, size, table
from lamo.tools.plan.times import RuleTime
from lamo.tools.plan.warnings import warnings_of

NOT_COUNTED = (
    "Not counted: retries, waiting of any kind; in estimates also validations of trainings, reading of stores, the\n"
    "bootstrap, figures and videos (minutes)."
)
DECODED = {
    "videos": "videos of the sample",
    "world": "rendered drives",
    "options": "made 720p video",
}


def report(plan: Plan, title: str) -> str:
    """All tables, what they rest on, and the warnings."""
    warnings = [f"WARNING: {one}" for one in warnings_of(plan)] or ["No warnings."]
    parts = [title, _videos(plan), _disk(plan), f"{_time(plan)}\n{_summary(plan)}", _basis(plan), "\n".join(warnings)]
    return "\n\n".join(parts)


def _videos(plan: Plan) -> str:
    clips = plan.clips
    shards = plan.config.frames.shards.counts()
    rows = []
    for name, split in clips.splits.items():
        error = f"± {split.error('frames'):,.0f}" if split.error("frames") else ""
        time = duration(split.total("stored_s"))
        rows.append((name, f"{split.clips:,}", time, f"{split.frames:,}", error, f"{shards[name]:,}"))
    splits = clips.splits.values()
    count = sum(split.clips for split in splits)
    frames = sum(split.frames for split in splits)
    time = duration(sum(split.total("stored_s") for split in splits))
    rows += [("",) * 6, ("all", f"{count:,}", time, f"{frames:,}", "", f"{sum(shards.values()):,}")]
    return f"Videos: {_source(plan)}\n" + table(("split", "clips", "time", "frames", "95 %", "shards"), rows, "l")


def _source(plan: Plan) -> str:
    clips = plan.clips
    if clips.basis == "world":
        return "drives of the synthetic world, which the run renders"
    if clips.basis == "options":
        return "as given by --clips and --seconds, none was looked at"
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
    return "Disk\n" + table(("stage", "content", "raw", "ratio", "on disk", "ratio by"), rows, "ll")


def _time(plan: Plan) -> str:
    def row(one: RuleTime) -> tuple[str, ...]:
        gpu = duration(one.operations / plan.gpu.flops) if one.operations else ""
        return (one.stage, one.rule, f"{one.jobs:,}", f"{one.threads}", duration(one.seconds),
                operations(one.operations), gpu, one.source)  # fmt: skip

    jobs = sum(one.jobs for one in plan.times)
    flops = sum(one.operations for one in plan.times)
    seconds = duration(sum(one.seconds for one in plan.times))
    rows = [*map(row, plan.times), ("",) * 8]
    rows.append(("all", "", f"{jobs:,}", "", seconds, operations(flops), duration(flops / plan.gpu.flops), ""))
    head = ("stage", "rule", "jobs", "cores", "one by one", "models", "on a GPU", "time from")
    return "Jobs and time\n" + table(head, rows, "llrrrrrl")


def _summary(plan: Plan) -> str:
    core_s = sum(one.core_s for one in plan.times)
    beside = duration(sum(one.beside_s for one in plan.times)).strip()
    gpu = duration(sum(one.operations for one in plan.times) / plan.gpu.flops).strip()
    cores = duration(core_s).strip()
    best = duration(core_s / plan.cores).strip()
    return (
        f"Without a GPU {cores} of a core, at best {best} on the {plan.cores} cores of this machine; "
        f"with one GPU {gpu} of it and {beside} of a core."
    )


def _basis(plan: Plan) -> str:
    gpu = plan.gpu
    rates = plan.rates
    of = rates.of
    frames, latents, read = (
        1e-6 / of[kind] for kind in ("bytes of frames", "bytes of latents", "bytes of latents read")
    )
    lines = [
        ("run ...", "seconds of that run on this machine, by its benchmark files; scaled where its work was another"),
        ("estimated", "from the rates below; work of models is timed on one core if it is small, else it takes"),
        ("", f"{CPU_SHARE:g} of the speed of matrix products, which is {plan.matmul / 1e9:,.0f} GFLOP/s per core"),
        ("measured", f"decoding: {1e-6 / of['pixels decoded']:,.0f} megapixels per core-second "
         f"({rates.decoded} {DECODED[plan.clips.basis]})"),
        ("measured", f"stores: frames written at {frames:,.0f} MB/s per core, latents at {latents:,.0f} MB/s, "
         f"their statistics at {read:,.0f} MB/s"),
        ("measured", f"scores: {1 / of['frames scored']:,.0f} frames/s per core; start of a job: {rates.start:.1f} s"),
        ("counted", "jobs by Snakemake's dry run; clips and bytes; all products and convolutions of the models"),
        ("assumed", f"GPU: bfloat16 peak {gpu.peak / 1e12:,.0f} TFLOP/s ({gpu.name}), {gpu.efficiency:g} of it used"),
    ]  # fmt: skip
    if plan.clips.basis == "options":
        lines.append(("assumed", "frames and rollouts are not compressed at all: there are none to measure it on"))
    else:
        lines.append(("measured", f"compression of frames: {rates.ratio:.2f}; that of rollouts is assumed the same"))
    return "What this rests on\n" + "\n".join(f"{kind:9}  {text}" for kind, text in lines) + f"\n{NOT_COUNTED}"
