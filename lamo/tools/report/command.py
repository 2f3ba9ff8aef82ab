"""`lamo report`: one page of a finished run, to look at in a browser."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.tools.arguments import add_run, program_parser, run_folder

NAME = "report.html"
WINDOWS = 4


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo report`."""
    parser = program_parser(
        "report",
        "Write a page of a finished run: its table, its rollouts to play, curves, trainings, clips and provenance.\n"
        "It is one file that needs no network.",
        "lamo report results/demo",
        "lamo report results/bench-science -o bench.html --windows 12",
    )
    add_run(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=f"default: {NAME} in the folder of the run")
    parser.add_argument(
        "--windows",
        type=int,
        default=WINDOWS,
        metavar="N",
        help=f"windows to play, besides the best, middle and worst of each predictor; default: {WINDOWS}",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the page.

    Raises:
        LamoError: there is no such run, it is not finished, or a file of it is damaged.
    """
    given = parser().parse_args(arguments)
    run = run_folder(given.run)
    if given.windows < 1:
        raise LamoError(f"--windows: found {given.windows}, expected at least 1")
    output = given.output or run / NAME
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise LamoError(f"--output: found {output}, expected a file in a folder that is there")
    # Imported late: pandas, Plotly and PyArrow take seconds, and the arguments may be wrong.
    from lamo.tools.report.page import run_page

    text = run_page(run, given.windows)
    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{output}: {len(text.encode()) / 1e6:.1f} MB; open it in a browser")
    return 0
