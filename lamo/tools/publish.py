"""`lamo publish`: the small files of a finished run, copied to a folder that is kept in the repository.

A page is written beside them that says how they were made: command, configuration, commit, machine, time, versions.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from PIL import Image

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.jobs.provenance import FOLDER, git_state
from lamo.stores.atomic import replacing
from lamo.stores.checksums import is_foreign
from lamo.tools.arguments import program_parser
from lamo.tools.publish_page import WRITTEN, commits_of, page
from lamo.tools.records import raw_records

# Path in a run's folder -> path in the published one; folders are copied with all that is in them.
FILES = {
    "07_metrics/table.csv": "table.csv",
    "07_metrics/table.md": "table.md",
    "07_metrics/table_samples.md": "table_samples.md",
    "07_metrics/table_groups.csv": "table_groups.csv",
    "07_metrics/table_groups.md": "table_groups.md",
    "07_metrics/modes.csv": "modes.csv",
    "07_metrics/modes.md": "modes.md",
    "07_metrics/comparisons.csv": "comparisons.csv",
    "07_metrics/comparisons.md": "comparisons.md",
    "07_metrics/contact_sheet.png": "contact_sheet.png",
    "07_metrics/fork_sheet.png": "fork_sheet.png",
    "07_metrics/figures": "figures",
    "07_metrics/probe.md": "probe.md",
    "05_predictors/matched.csv": "matched.csv",
    "05_predictors/matched.md": "matched.md",
}
# What runs without a synthetic world, without forks in it, or without several folders of videos do not have.
OPTIONAL = {
    f"07_metrics/{name}"
    for name in ("probe.md", "table_groups.csv", "table_groups.md", "modes.csv", "modes.md", "fork_sheet.png")
}
SHEET = "07_metrics/contact_sheet.png"
# The contact sheet of long rollouts has a column for every step; one wider than this [pixels] is left out.
WIDEST = 4000
SCORES = "07_metrics/metrics.parquet"
PAGE = "README.md"


def publish(run: Path, target: Path, command: str, configs: Sequence[str]) -> None:
    """Replace the folder `target` by tables, figures, scores of each seed (seeds.csv) and page of the run in `run`.

    `command` and the files `configs` made the run. Jobs of stages that it shares count as its own.

    Raises:
        LamoError: the run is not finished, a job ran on code that was not committed, a file in `configs` is not as
            committed, or `target` holds something else.
    """
    missing = [name for name in (*FILES, SCORES) if name not in OPTIONAL and not (run / name).exists()]
    if missing:
        raise LamoError(f"{run}: not finished, {', '.join(missing)} not there; run `{command}` to its end")
    check(target, configs)
    records = list(raw_records(run).values())
    if not records:
        raise LamoError(f"{run / FOLDER}: found no records of jobs, expected one for each; run `{command}` again")
    with_sheet = not _too_wide(run)
    text = page(run, records, command, configs, with_sheet)
    with replacing(target) as folder:
        folder.mkdir()
        for source, name in FILES.items():
            if source == SHEET and not with_sheet:
                continue
            if (run / source).is_dir():
                shutil.copytree(run / source, folder / name, ignore=_foreign)
            elif (run / source).exists():
                shutil.copyfile(run / source, folder / name)
        pa.csv.write_csv(seed_scores(run), folder / "seeds.csv")
        (folder / PAGE).write_text(text, encoding="utf-8")


def check(target: Path, configs: Sequence[str]) -> None:
    """Check what can be checked before there are results.

    Raises:
        LamoError: a file in `configs` is not as committed, or `target` holds something that was not published.
    """
    if target.exists() and not _published(target):
        raise LamoError(f"{target}: found files that were not published, expected nothing or a published run; move it")
    changed = changed_files(configs)
    if changed:
        raise LamoError(f"{', '.join(changed)}: not as committed; commit, so that the page can name what was run")


def check_code() -> None:
    """Check that jobs which are started now run on code that the page can name.

    Raises:
        LamoError: the code is not committed, or is no checkout of git.
    """
    state = git_state()
    if state is None or state["dirty"]:
        found = "no checkout of git" if state is None else "changes that are not committed in lamo/ or workflow/"
        raise LamoError(f"found {found}; commit first, so that the page can name the code that was run")


def warn_of_old_jobs(run: Path) -> None:
    """Warn of jobs of an earlier start that ran on code that was not committed.

    Such a run cannot be published unless these jobs run again. They do not if the very code is committed now.
    """
    try:
        commits_of(run, list(raw_records(run).values()))
    except LamoError as error:
        print(f"lamo publish: warning: {error}; to be sure, move {run} away", file=sys.stderr)


def _foreign(folder: str, names: list[str]) -> list[str]:
    """Names that are not copied. The figures for papers would double what the repository keeps of them."""
    return [name for name in names if is_foreign(name) or name.endswith((".pdf", ".svg"))]


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
    """Mean of every score over windows and samples, for each sampler, training seed and horizon of the table.

    Values without a number are left out. Rounded to six decimals, so that another order of the summands shows no
    difference.
    """
    horizons = pa.csv.read_csv(run / "07_metrics/table.csv")["horizon_s"].unique().to_pylist()
    scores = pq.read_table(run / SCORES)
    near = [round(value, 6) in {round(h, 6) for h in horizons} for value in scores["horizon_s"].to_pylist()]
    keys = ["method", "sampler", "seed", "horizon_s", "metric"]
    # Where there is no number, such as the sharpness of a blank frame, there is nothing to take a mean of.
    value = scores["value"]
    known = pa.compute.if_else(pa.compute.is_finite(value), value, pa.scalar(None, pa.float64()))
    scores = scores.set_column(scores.column_names.index("value"), "value", known)
    means = scores.filter(pa.array(near)).group_by(keys, use_threads=False).aggregate([("value", "mean")])
    rounded = pa.compute.round(means["value_mean"], 6)
    return means.select(keys).append_column("mean", rounded)


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo publish`."""
    parser = program_parser(
        "publish",
        "Copy tables and figures of a finished run to a folder that is kept in the repository, with a page that says\n"
        "how they were made. With --check, before the run is started: say whether its results could be published.",
        "lamo publish results/bench-science results/bench --command 'make bench-science' --config config/bench.yaml",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of the run, results/<run>")
    parser.add_argument(
        "target", metavar="FOLDER", type=Path, help="folder to write; one that was published is replaced"
    )
    parser.add_argument("--command", required=True, help="the command that makes the run, for the page")
    parser.add_argument("--config", metavar="FILE", nargs="+", default=[], help="its configuration files, for the page")
    parser.add_argument("--check", action="store_true", help="only say whether a run that starts now can be published")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Publish the run, or check whether it could be published.

    Raises:
        LamoError: it cannot be published; the message says why.
    """
    options = parser().parse_args(arguments)
    if options.check:
        check_code()
        check(options.target, options.config)
        warn_of_old_jobs(options.run)
        return 0
    publish(options.run, options.target, options.command, options.config)
    print(f"{options.target}: tables, figures and scores of {options.run}")
    return 0
