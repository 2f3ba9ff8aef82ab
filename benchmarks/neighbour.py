"""What a busy process of somebody else on the machine costs a training on CPUs.

python -m benchmarks.neighbour [--rounds N] [--seconds S] [--docs DOCUMENT]

Every training of the demo takes steps alone and beside a busy process, in turns. It does so as the workflow starts it,
and, for reference, in one process of as many OpenMP threads as there are cores. Prints a Markdown table of ratios.
Nothing else may run meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.neighbour_steps import ASKED
from benchmarks.timing import machine, table
from lamo.tools.documents import replace_between

SCRIPT = Path(__file__).with_name("neighbour_steps.py")
# Threads of the rule on one machine; all cores where it is None.
TRAININGS = {
    "midway-1": ("Midway Network, one step unrolled", None),
    "midway-4": ("Midway Network, four steps unrolled", None),
    "decoder": ("decoder", None),
    "features": ("features of the Frechet distance", 1),
    "predictor:flow": ("predictor flow", 1),
    "predictor:gmm": ("predictor gmm", 1),
}
HEADER = ["training", "processes", "alone", "beside a busy process", "threads: beside a busy process"]


def rates(training: str, threads: int, processes: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Number of processes, and steps per second alone and beside a busy process.

    `processes` 0: as the workflow would start it.
    """
    asked = {"training": training, "threads": threads, "processes": processes, "rounds": rounds, "seconds": seconds}
    environment = {**os.environ, ASKED: json.dumps(asked)}
    done = subprocess.run([sys.executable, str(SCRIPT)], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def row(training: str, cores: int, rounds: int, seconds: float) -> list[str]:
    """A row of the table: ratios of medians, the first to threads alone, the others to what they are alone."""
    name, asked = TRAININGS[training]
    ours = rates(training, asked or cores, 0, rounds, seconds)
    threads = rates(training, cores, 1, rounds, seconds)
    alone, beside = (statistics.median(ours[key]) for key in ("alone", "beside"))
    threads_alone, threads_beside = (statistics.median(threads[key]) for key in ("alone", "beside"))
    ratios = alone / threads_alone, beside / alone, threads_beside / threads_alone
    return [name, str(ours["processes"]), *(f"{ratio:.2f}" for ratio in ratios)]


def measure(rounds: int, seconds: float) -> str:
    """The whole table."""
    cores = len(os.sched_getaffinity(0))
    rows = []
    for training in TRAININGS:
        rows.append(row(training, cores, rounds, seconds))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return table(HEADER, rows)


def main() -> None:
    """Measure, print and, if asked to, write the table into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured alone and beside")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long, each time")
    parser.add_argument("--docs", type=Path, help="document whose table is replaced")
    options = parser.parse_args()
    text = f"{measure(options.rounds, options.seconds)}\n\nMeasured {date.today()} on {machine(Path.cwd())}."
    print(text)
    if options.docs:
        replace_between(options.docs, "neighbour", text)


if __name__ == "__main__":
    main()
