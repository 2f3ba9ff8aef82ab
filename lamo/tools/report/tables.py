"""The tables of the page: those of the run, and what ran where for how long."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from lamo.report.html import as_html
from lamo.report.table import counted, decimal_text, markdown_table
from lamo.tools.publish_page import VERSIONS, elapsed

Records = Mapping[Path, dict[str, Any]]


def html_of(file: Path) -> Markup:
    """The Markdown file as HTML, without its first title, which the page has itself."""
    text = file.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    return as_html(rest if first.startswith("# ") else text)


def main_table(file: Path) -> dict[str, Markup]:
    """The parts of the run's table as HTML: `tables`, one for each horizon, their `caption`, and the `checks` of the
    motion tokens that stand below it."""
    text, _, checks = file.read_text(encoding="utf-8").partition("```")
    tables, _, caption = text.strip().rpartition("\n\n")
    return {
        "tables": as_html(tables),
        "caption": as_html(caption),
        "checks": as_html(f"```{checks}") if checks else Markup(),
    }


def facts(records: Records) -> dict[str, str]:
    """What the run was made with, by name: commits, dates, machines, time, versions."""
    all_of = list(records.values())
    commits = {
        "no checkout" if git is None else f"{git['commit'][:12]}{' with changes' if git['dirty'] else ''}"
        for git in (record["git"] for record in all_of)
    }
    days = sorted(record["started"][:10] for record in all_of)
    processors = sorted({record["device"]["cpu"] for record in all_of})
    cards = sorted({name for record in all_of for name in record["device"]["gpus"]}) or ["no GPU"]
    versions = {name: number for record in all_of for name, number in record["versions"].items()}
    minutes = _minutes(elapsed(all_of).total_seconds())
    return {
        "commit": ", ".join(sorted(commits)),
        "date": days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}",
        "machine": ", ".join([*processors, *cards]),
        "time": f"{minutes} min in which at least one of {counted(len(all_of), 'job')} ran",
        "versions": ", ".join(f"{name} {versions[name]}" for name in VERSIONS if name in versions),
    }


def jobs_table(records: Records) -> str:
    """Of each rule: how many jobs, their time together, the longest, threads, and the most memory; as Markdown."""
    rules: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path, record in sorted(records.items(), key=lambda one: str(one[1]["started"])):
        rules.setdefault(record["rule"], []).append((path, record))
    rows = []
    for rule, jobs in rules.items():
        seconds = [record["seconds"] for _, record in jobs]
        memory = [peak for path, _ in jobs if (peak := _peak(path)) is not None]
        rows.append(
            [
                rule,
                str(len(jobs)),
                _minutes(sum(seconds)),
                _minutes(max(seconds)),
                str(max(record["device"]["threads"] for _, record in jobs)),
                decimal_text(max(memory) / 1000, 1) if memory else "",
            ]
        )
    titles = ["rule", "jobs", "minutes, all", "minutes, longest", "threads", "memory at most, GB"]
    return "\n".join(markdown_table(titles, rows))


def _peak(record: Path) -> float | None:
    """Most memory in MB of the job that left the record, by the file that Snakemake writes for it; None without."""
    run = record.parents[2]
    file = run / "benchmarks" / record.parent.name / f"{record.stem}.tsv"
    if not file.is_file():
        return None
    peak = pd.to_numeric(pd.read_csv(file, sep="\t")["max_rss"], errors="coerce").max()
    return None if peak != peak else float(peak)


def _minutes(seconds: float) -> str:
    return f"{timedelta(seconds=seconds) / timedelta(minutes=1):.1f}"
