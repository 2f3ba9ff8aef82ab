"""The page beside published results: how they were made, and the table."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lamo.errors import LamoError

# The mark by which a published folder is known.
WRITTEN = "Written by `lamo publish`"
VERSIONS = ("python", "torch", "numpy", "zarr")


def page(run: Path, records: Sequence[dict[str, Any]], command: str, configs: Sequence[str], with_sheet: bool) -> str:
    """The page as Markdown.

    Args:
        run: folder of the run.
        records: the records of its jobs, as read from their files.
        command: what made the run.
        configs: its configuration files.
        with_sheet: the contact sheet lies beside the page.

    Raises:
        LamoError: a job ran on code that was not committed.
    """
    return "\n".join(
        [
            f"# Results of the run `{run.name}`",
            "",
            f"{WRITTEN}; do not edit. Made by `{command}`.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {text} |" for name, text in _facts(run, records, configs).items()),
            "",
            "`table.md`: single samples; `table_samples.md`: several samples together and the other distances; "
            "`comparisons.md`: differences between methods on the same windows; `matched.md`: what each method was "
            "given and costs; `probe.md`: what motion tokens say of the true motion; `seeds.csv`: scores of each "
            "training seed; `figures/`: curves against time and of all trainings, looks against coverage.",
            "",
            *(["![Truth and methods as rows, time as columns](contact_sheet.png)", ""] if with_sheet else []),
            "![Scores against time](figures/metrics.png)",
            "",
            (run / "07_metrics/table.md").read_text(encoding="utf-8").strip(),
            "",
        ]
    )


def _facts(run: Path, records: Sequence[dict[str, Any]], configs: Sequence[str]) -> dict[str, str]:
    busy = timedelta(seconds=round(sum(record["seconds"] * record["device"]["threads"] for record in records)))
    cards = sorted({name for record in records for name in record["device"]["gpus"]}) or ["no GPU"]
    processors = sorted({record["device"]["cpu"] for record in records})
    versions = {name: number for record in records for name, number in record["versions"].items()}
    return {
        "configuration": ", ".join(f"`{name}`" for name in configs),
        "commit": ", ".join(commits_of(run, records)),
        "date": max(record["started"] for record in records)[:10],
        "machine": f"{', '.join(processors)}, {os.cpu_count()} logical cores; {', '.join(cards)}",
        "time": f"{_hours(elapsed(records))} in which jobs ran; {_hours(busy)} of cores that they were given, "
        f"{len(records)} jobs",
        "versions": ", ".join(f"{name} {versions[name]}" for name in VERSIONS if name in versions),
    }


def commits_of(run: str | Path, records: Sequence[dict[str, Any]]) -> list[str]:
    """The commits that the jobs ran on, in their short form and in order of time.

    Raises:
        LamoError: a job ran on code that differed from its commit.
    """
    for record in records:
        if record["git"] is None or record["git"]["dirty"]:
            raise LamoError(
                f"{run}: a job of rule {record['rule']} ran on code that is not committed; commit and run it again"
            )
    ordered = sorted(records, key=lambda record: record["started"])
    return list(dict.fromkeys(record["git"]["commit"][:12] for record in ordered))


def elapsed(records: Sequence[dict[str, Any]]) -> timedelta:
    """Time in which at least one job ran."""
    total = timedelta(0)
    # All jobs looked at so far had ended by then.
    end = datetime.min.replace(tzinfo=UTC)
    for record in sorted(records, key=lambda one: one["started"]):
        started = datetime.fromisoformat(record["started"])
        stop = started + timedelta(seconds=record["seconds"])
        total += max(stop - max(started, end), timedelta(0))
        end = max(stop, end)
    return total


def _hours(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"
