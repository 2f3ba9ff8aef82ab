"""What this machine, or a job as the workflow asks for it, is too small for."""

from lamo.tools.dry_run import Job
from lamo.tools.plan.plan import Plan
from lamo.tools.plan.text import duration, size


def warnings_of(plan: Plan) -> list[str]:
    """One line each: disk, memory, runtime of jobs on a cluster, headers and earlier runs that cannot be read."""
    return [*_disk(plan), *_memory(plan), *_runtime(plan), *_headers(plan), *_earlier(plan)]


def _disk(plan: Plan) -> list[str]:
    place, free = plan.disk
    if plan.disk_bytes <= free:
        return []
    return [
        f"the disk of {place} is too small: {size(plan.disk_bytes)} are needed, {size(free)} are free; make results a "
        "link to a larger disk, or lower frames.height, frames.width or frames.rate_hz"
    ]


def _memory(plan: Plan) -> list[str]:
    found = []
    for need in plan.memory:
        asked = _asked(plan, need.rule).resources["mem_mb"] * 10**6
        if need.bytes > min(asked, plan.machine_bytes):
            found.append(
                f"memory of {need.rule}: it holds all rollouts of a method at once, {size(need.bytes)}; the workflow "
                f"asks for {size(asked)}, this machine has {size(plan.machine_bytes)}; lower "
                "rollouts.windows_per_clip, or raise mem_mb of the rule in a profile"
            )
    return found


def _runtime(plan: Plan) -> list[str]:
    """A job that models take part in is taken to have a GPU."""
    found = []
    for one in plan.times:
        asked = _asked(plan, one.rule)
        limit = 60 * asked.resources["runtime"]
        needed = (one.beside_s / asked.threads + one.operations / plan.gpu.flops) / one.jobs
        if needed > limit:
            found.append(f"{one.rule} {duration(needed).strip()} of {duration(limit).strip()}")
    if not found:
        return []
    return [f"longer than the runtime that the workflow asks a cluster for, with a GPU: {', '.join(found)}"]


def _headers(plan: Plan) -> list[str]:
    clips = plan.clips
    if not clips.failed:
        return []
    return [
        f"{len(clips.failed)} of {clips.looked_at} headers looked at cannot be read, e.g. {clips.failed[0]}; they "
        "count as clips without frames"
    ]


def _earlier(plan: Plan) -> list[str]:
    if not plan.unread:
        return []
    return [f"{len(plan.unread)} jobs of earlier runs are left out, whose files cannot be read: {plan.unread[0]}"]


def _asked(plan: Plan, rule: str) -> Job:
    """A job of the rule, which asks for as much as the others do."""
    return next(job for job in plan.jobs if job.rule == rule)
