"""`lamo results`: the table of a finished run, and where its files lie. Runs print it at their end, too."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.tools.arguments import add_run, program_parser, run_folder

FOLDER = "07_metrics"
TABLE = "table.txt"
# What to look at, of which a run may have made only a part.
FILES = {
    "table.csv": "the table for programs; table.md and table.tex for people",
    "table_samples.md": "best and mean of several samples, spread, coverage, skill, other distances",
    "table_groups.md": "the table by groups of windows: shortly before a fork, or of each folder of videos",
    "modes.md": "which way the futures of each row go at forks of the synthetic world",
    "comparisons.md": "differences between methods on the same windows; comparisons.csv for programs",
    "probe.md": "what the motion tokens say of speed and yaw rate",
    "fork_sheet.png": "futures of windows shortly before a fork: true ones and those of each method",
    "contact_sheet.png": "truth and methods as rows, time as columns",
    "figures": "metrics against time, training losses; PDF and SVG for papers",
    "pages": "the tables for a browser",
    "videos": "rollouts beside the truth",
}


def show_results(results: str | Path) -> None:
    """Print the table of the run in the folder `results`, its comparisons, and where its files lie.

    Prints nothing if the run has no table yet.
    """
    folder = Path(results) / FOLDER
    if not (folder / TABLE).exists():
        return
    for name in (TABLE, "comparisons.txt"):
        if (folder / name).exists():
            print((folder / name).read_text(encoding="utf-8"))
    for name, content in FILES.items():
        if (folder / name).exists():
            print(f"{folder / name}: {content}")


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo results`."""
    parser = program_parser(
        "results", "Show the table of a finished run and where its files lie.", "lamo results results/demo"
    )
    add_run(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Show the run that is named.

    Raises:
        LamoError: there is no such run, or it has no table yet.
    """
    folder = run_folder(parser().parse_args(arguments).run)
    if not (folder / FOLDER / TABLE).exists():
        raise LamoError(
            f"{folder / FOLDER / TABLE}: not there, expected the table of a finished run; run it to its end"
        )
    show_results(folder)
    return 0
