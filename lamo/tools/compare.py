"""`lamo compare`: the same rows of several runs, window by window."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, replacing
from lamo.tools.arguments import program_parser, run_folder

CONFIG = "config.json"
SCORES, TABLE = "07_metrics/metrics.parquet", "07_metrics/table.csv"
# What has to be equal for scores to be of the same pictures.
FRAMES = ("height", "width", "rate_hz", "fit")


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo compare`."""
    parser = program_parser(
        "compare",
        "Compare the same rows of several runs: each run minus the first, on the windows that both have, with 95 %\n"
        "intervals over clips and training seeds. Left out are distances between distributions, which belong to no\n"
        "window, and feature energy and likelihoods, whose units are each run's own.",
        "lamo compare results/demo results/mine",
        "lamo compare results/demo results/mine results/other --rows flow-4 gmm --csv differences.csv",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="two or more runs: folders, or names in results/")
    parser.add_argument(
        "--rows", nargs="+", metavar="ROW", help="rows of the table, as flow-4; default: all they share"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the differences as CSV, too")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Compare and print.

    Raises:
        LamoError: a run is not there or not finished, two runs cannot be compared, or a row is missing.
    """
    given = parser().parse_args(arguments)
    runs = [run_folder(run) for run in given.runs]
    if len(runs) < 2:
        raise LamoError(f"found one run, {runs[0]}, expected two or more")
    if len({run.resolve() for run in runs}) < len(runs):
        raise LamoError(f"found the same run twice among {', '.join(map(str, runs))}, expected different ones")
    for run in runs:
        _check(run, runs[0])
    # Imported late: pandas and PyArrow take seconds, and the arguments may be wrong.
    from lamo.metrics.across_runs import compare_runs
    from lamo.report.comparisons_table import comparisons_csv, comparisons_text

    found = []
    for run in runs[1:]:
        differences, notes = compare_runs(runs[0], run, given.rows)
        for note in notes:
            print(note, file=sys.stderr)
        print(comparisons_text(differences, []))
        found += differences
    if given.csv:
        with replacing(given.csv) as temporary:
            temporary.write_text(comparisons_csv(found), encoding="utf-8")
    return 0


def _check(run: Path, first: Path) -> None:
    """Whether the run is finished, and its frames are of the size and rate of those of the first.

    Raises:
        LamoError: it is not, or they are not.
    """
    missing = [name for name in (SCORES, TABLE, CONFIG) if not (run / name).is_file()]
    if missing:
        raise LamoError(f"{run}: found no {' and no '.join(missing)}, expected a finished run; run it to its end")
    ours, theirs = (read_json(one / CONFIG)["frames"] for one in (run, first))
    for key in FRAMES:
        if ours[key] != theirs[key]:
            raise LamoError(
                f"{run}: found frames.{key} {ours[key]}, expected {theirs[key]} as in {first}; scores of other frames "
                "cannot be compared"
            )
