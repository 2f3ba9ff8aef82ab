"""`lamo docs`: tables and pictures of the documents, made again from what they show."""

import argparse
import importlib
from collections.abc import Sequence

from lamo.tools.arguments import program_parser

# Name -> module with a function `write`, and what it writes.
PARTS = {
    "sizes": ("lamo.tools.sizes", "count the parameters of the predictors: the table in docs/predictors.md"),
    "rulegraph": ("lamo.tools.rulegraph", "draw the rules of the workflow: docs/images/rulegraph.svg; needs Graphviz"),
    "bench": (
        "lamo.tools.bench_document",
        "show results/bench: tables and claims in README.md and docs/results.md, and a picture",
    ),
}


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo docs`."""
    parser = program_parser("docs", "Write a table or a picture of the documents again.", "lamo docs sizes")
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, (_, summary) in PARTS.items():
        parts.add_parser(name, help=summary)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Write the part that is named.

    Raises:
        LamoError: it cannot be made, e.g. because Graphviz is missing.
    """
    module, _ = PARTS[parser().parse_args(arguments).part]
    importlib.import_module(module).write()
    return 0
