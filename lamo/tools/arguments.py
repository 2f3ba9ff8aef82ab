"""What the command lines of all programs have in common."""

import argparse
from pathlib import Path

from lamo.errors import LamoError


def program_parser(name: str, description: str, *examples: str) -> argparse.ArgumentParser:
    """A parser for `lamo NAME` whose help ends with examples."""
    return argparse.ArgumentParser(
        f"lamo {name}",
        description=description,
        epilog="\n  ".join(["example:" if len(examples) == 1 else "examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An abbreviation that works today would mean something else once another option begins with it.
        allow_abbrev=False,
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """The argument that names a run; `run_folder` finds its folder."""
    parser.add_argument("run", metavar="RUN", help="a run: its folder, or its name if it lies in results/")


def run_folder(run: str) -> Path:
    """Folder of the run that is named.

    Raises:
        LamoError: there is no such folder.
    """
    for folder in (Path(run), Path("results") / run):
        if folder.is_dir():
            return folder
    raise LamoError(f"{run}: no such folder, expected that of a run; give results/<run>")


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """The arguments `files` and `overrides`, from which `lamo.tools.overlay` reads a configuration."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="files that are laid over config/config.yaml, in turn")
    parser.add_argument(
        "--set",
        dest="overrides",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="values that are laid over the files, written as for snakemake --config",
    )
