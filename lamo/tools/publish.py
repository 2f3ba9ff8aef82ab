"""The small files of a finished run, kept in the repository with a page that says how they were made.

`python -m lamo.tools.publish results/<run> results/<folder> --command "make ..."`; with `--check`, before a run is
started, whether its results could be published.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from PIL import Image

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.jobs.provenance import FOLDER, git_state
from lamo.stores.atomic import read_json, replacing

# From a run's folder to the published one; a folder is taken with its pictures.
FILES = {
    "07_metrics/table.csv": "table.csv",
    "07_metrics/table.md": "table.md",
    "07_metrics/table_samples.md": "table_samples.md",
    "07_metrics/comparisons.csv": "comparisons.csv",
    "07_metrics/comparisons.md": "comparisons.md",
    "07_metrics/contact_sheet.png": "contact_sheet.png",
    "07_metrics/figures": "figures",
    "07_metrics/probe.md": "probe.md",
    "05_predictors/matched.csv": "matched.csv",
    "05_predictors/matched.md": "matched.md",
}
OPTIONAL = {"07_metrics/probe.md"}
SHEET = "07_metrics/contact_sheet.png"
# Of long rollouts a sheet has a column for every step: megabytes that no page can show.
WIDEST = 4000
SCORES = "07_metrics/metrics.parquet"
PAGE = "README.md"
WRITTEN = "Written by `lamo.tools.publish`"


def publish(run: Path, target: Path, command: str, configs: Sequence[str], after: Sequence[Path] = ()) -> None:
    """Replaces `target` by the tables, pictures, scores of each seed (seeds.csv) and page of the run in `run`.

    `after` are runs that it took stages from, whose jobs count as its own.

    Raises:
        LamoError: the run is not finished, a job ran on code that was not committed, a file in `configs` differs from
            the commit, or `target` holds something else.
    """
    missing = [name for name in (*FILES, SCORES) if name not in OPTIONAL and not (run / name).exists()]
    if missing:
        raise LamoError(f"{run}: not finished, {', '.join(missing)} not there; run `{command}` to its end")
    check(target, configs)
    records = [read_json(path) for folder in (*after, run) for path in sorted((folder / FOLDER).rglob("*.json"))]
    if not records:
        raise LamoError(f"{run / FOLDER}: no records of jobs; run `{command}` again")
    page = _page(run, records, command, configs)
    with replacing(target) as folder:
        folder.mkdir()
        for source, name in FILES.items():
            if source == SHEET and _too_wide(run):
                continue
            if (run / source).is_dir():
                shutil.copytree(run / source, folder / name)
            elif (run / source).exists():
                shutil.copyfile(run / source, folder / name)
        pa.csv.write_csv(seed_scores(run), folder / "seeds.csv")
        (folder / PAGE).write_text(page, encoding="utf-8")


def check(target: Path, configs: Sequence[str]) -> None:
    """What the page needs besides a finished run, and can be known before.

    Raises:
        LamoError: a file in `configs` differs from the commit, or `target` holds something else.
    """
    if target.exists() and not _published(target):
        raise LamoError(f"{target}: found what `publish` has not written, expected nothing or a published run; move it")
    changed = changed_files(configs)
    if changed:
        raise LamoError(f"{', '.join(changed)}: not as committed; commit, so that the page can name what was run")


def check_code() -> None:
    """Whether a job that is started now runs on code that the page can name.

    Raises:
        LamoError: the code is not committed, or no checkout.
    """
    state = git_state()
    if state is None or state["dirty"]:
        found = "no checkout of git" if state is None else "changes that are not committed in lamo/ or workflow/"
        raise LamoError(f"found {found}; commit first, so that the page can name the code that was run")


def warn_of_old_jobs(runs: Sequence[Path]) -> None:
    """Says where jobs of an earlier start ran on code that was not committed: unless they run again, the run cannot be
    published, and they do not if that very code is committed now."""
    for run in runs:
        try:
            commits_of(run, [read_json(path) for path in (run / FOLDER).rglob("*.json")])
        except LamoError as error:
            print(f"publish: warning: {error}; to be sure, move {run} away", file=sys.stderr)


def changed_files(paths: Iterable[str], root: Path = ROOT) -> list[str]:
    """Those of `paths`, relative to the checkout at `root`, that differ from its commit."""
    command = ["git", "--no-optional-locks", "-C", str(root), "status", "--porcelain", "--"]
    return [path for path in paths if subprocess.run([*command, path], capture_output=True, check=True).stdout]


def _too_wide(run: Path) -> bool:
    with Image.open(run / SHEET) as sheet:
        return sheet.width > WIDEST


def _published(folder: Path) -> bool:
    page = folder / PAGE
    return page.is_file() and WRITTEN in page.read_text(encoding="utf-8")


def seed_scores(run: Path) -> pa.Table:
    """Mean over windows and samples of every score, for each sampler, training seed and horizon of the table.

    Six decimals, so that rounding in the order of a sum shows no difference.
    """
    horizons = pa.csv.read_csv(run / "07_metrics/table.csv")["horizon_s"].unique().to_pylist()
    scores = pq.read_table(run / SCORES)
    near = [round(value, 6) in {round(h, 6) for h in horizons} for value in scores["horizon_s"].to_pylist()]
    keys = ["method", "sampler", "seed", "horizon_s", "metric"]
    means = scores.filter(pa.array(near)).group_by(keys, use_threads=False).aggregate([("value", "mean")])
    rounded = pa.compute.round(means["value_mean"], 6)
    return means.select(keys).append_column("mean", rounded)


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


def _page(run: Path, records: Sequence[dict[str, Any]], command: str, configs: Sequence[str]) -> str:
    busy = timedelta(seconds=round(sum(record["seconds"] * record["device"]["threads"] for record in records)))
    cards = sorted({name for record in records for name in record["device"]["gpus"]}) or ["no GPU"]
    processors = sorted({record["device"]["cpu"] for record in records})
    versions = {name: number for record in records for name, number in record["versions"].items()}
    shown = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "numpy", "zarr") if name in versions)
    return "\n".join(
        [
            f"# Results of the run `{run.name}`",
            "",
            f"{WRITTEN}; do not edit. Made by `{command}`.",
            "",
            "| | |",
            "|---|---|",
            f"| configuration | {', '.join(f'`{name}`' for name in configs)} |",
            f"| commit | {', '.join(commits_of(run, records))} |",
            f"| date | {max(record['started'] for record in records)[:10]} |",
            f"| machine | {', '.join(processors)}, {os.cpu_count()} logical cores; {', '.join(cards)} |",
            f"| time | {_hours(_elapsed(records))} in which jobs ran; {_hours(busy)} of cores that they "
            f"were given, {len(records)} jobs |",
            f"| versions | {shown} |",
            "",
            "`table.md`: single samples; `table_samples.md`: several samples together and the other distances; "
            "`comparisons.md`: differences between methods on the same windows; `matched.md`: what each method was "
            "given and costs; `probe.md`: what motion tokens say of the true motion; `seeds.csv`: scores of each "
            "training seed; `figures/`: curves against time and of all trainings.",
            "",
            *([] if _too_wide(run) else ["![Truth and methods as rows, time as columns](contact_sheet.png)", ""]),
            "![Scores against time](figures/metrics.png)",
            "",
            (run / "07_metrics/table.md").read_text(encoding="utf-8").strip(),
            "",
        ]
    )


def _elapsed(records: Sequence[dict[str, Any]]) -> timedelta:
    """Time in which at least one job ran."""
    total, end = timedelta(0), datetime.min.replace(tzinfo=UTC)
    for record in sorted(records, key=lambda one: one["started"]):
        begin = max(datetime.fromisoformat(record["started"]), end)
        stop = datetime.fromisoformat(record["started"]) + timedelta(seconds=record["seconds"])
        total, end = total + max(stop - begin, timedelta(0)), max(stop, end)
    return total


def _hours(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m lamo.tools.publish", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the finished run")
    parser.add_argument("target", type=Path, help="folder to write, replaced if it is there")
    parser.add_argument("--command", required=True, help="the command that makes the run, for the page")
    parser.add_argument("--config", nargs="+", default=[], help="its configuration files, for the page")
    parser.add_argument("--after", type=Path, nargs="+", default=[], help="runs that it took stages from")
    parser.add_argument("--check", action="store_true", help="only say whether what is now computed can be published")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            check_code()
            check(options.target, options.config)
            warn_of_old_jobs((*options.after, options.run))
            return 0
        publish(options.run, options.target, options.command, options.config, options.after)
    except LamoError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    print(f"{options.target}: tables, pictures and scores of {options.run}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
