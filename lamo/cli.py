"""The command `lamo`: the programs for people, by name.

Each program is a module of `lamo.tools` with a function `main(arguments) -> int`. It is imported only when it is
called: `lamo --help` is quick, and no program needs what another one imports.
"""

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from lamo.errors import LamoError
from lamo.jobs.limits import print_anything

# 0 says that all is fine, 1 that something disagrees.
BAD_INPUT = 2
# What a shell reports of a program that ended by the signals SIGINT and SIGPIPE.
INTERRUPTED = 130
CLOSED_PIPE = 141


@dataclass(frozen=True)
class Program:
    """A program: its module and, for the list of all programs, what it does in one line."""

    module: str
    summary: str


PROGRAMS = {
    "predict": Program("lamo.tools.predict", "predict several futures of a video"),
    "plan": Program("lamo.tools.plan.command", "estimate time, disk and memory of a run before it is started"),
    "explain": Program("lamo.tools.explain", "say in words why Snakemake would run each job"),
    "report": Program("lamo.tools.report.command", "write one page of a finished run, to look at in a browser"),
    "compare": Program("lamo.tools.compare", "compare the same rows of several runs, window by window"),
    "windows": Program(
        "lamo.tools.score.windows_command", "export a run's windows for somebody else's model to predict"
    ),
    "score": Program("lamo.tools.score.command", "score somebody else's predictions as a row of a run's table"),
    "results": Program("lamo.tools.results", "show the table of a finished run and where its files lie"),
    "inspect": Program("lamo.tools.inspect", "say what a run, model, store or checkpoint is and what is in it"),
    "verify": Program("lamo.tools.verify", "check every file of a run against the record of how it was made"),
    "publish": Program("lamo.tools.publish", "copy tables and figures of a finished run to a folder with a page"),
    "config": Program("lamo.tools.config", "check or show a configuration; write the default and its reference"),
    "docs": Program("lamo.tools.docs", "write the tables and pictures of README.md and docs/ again"),
}

EXAMPLES = """\
examples:
  lamo predict drive.mp4 -o futures.mp4
  lamo plan --config config/bdd100k.yaml --videos path/to/bdd100k
  lamo config check config/bdd100k.yaml
  lamo verify results/demo
  lamo inspect results/demo/model
  lamo plan --help

exit status: 0 fine; 1 something disagrees; 2 wrong arguments or bad input
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program that the first argument names, with the others; by default those of the command line.

    Returns:
        The exit status. A `LamoError` becomes one line on standard error and status 2.
    """
    print_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Only the first argument is read here: the others, `--help` included, are the program's.
    name = parser().parse_args(given[:1]).command
    if name is None:
        parser().print_help(sys.stderr)
        return BAD_INPUT
    try:
        status = call(name, given[1:])
        sys.stdout.flush()
    except LamoError as error:
        print(f"lamo {name}: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough, as in `lamo verify demo | head`. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return status


def call(name: str, arguments: Sequence[str]) -> int:
    """Import the program `name` and run it.

    Returns:
        Its exit status.

    Raises:
        LamoError: there is no such program, or the input of the program is bad.
    """
    if name not in PROGRAMS:
        near = difflib.get_close_matches(name, PROGRAMS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(PROGRAMS)}"
        raise LamoError(f"no such command; {hint}")
    return int(importlib.import_module(PROGRAMS[name].module).main(list(arguments)))


def parser() -> argparse.ArgumentParser:
    """The parser of the first argument."""
    width = max(map(len, PROGRAMS))
    commands = "\n".join(f"  {name:<{width}}  {program.summary}" for name, program in PROGRAMS.items())
    parser = argparse.ArgumentParser(
        "lamo",
        usage="lamo COMMAND ...",
        description="Programs around the runs of LaMo, the latent motion world model. Snakemake makes the runs.\n\n"
        f"commands:\n{commands}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lamo {version('lamo')}")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser
