"""Many calls of Snakemake's command line, each in a process of its own that has Snakemake loaded already.

Half of a dry-run's time is spent on imports. Processes are forked from one that has done them, and that has imported
nothing of LaMo: which code of it they load is what the re-runs are about.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def processes(count: int) -> ProcessPoolExecutor:
    """A pool in which every call has a new process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["snakemake.cli"])
    return ProcessPoolExecutor(count, mp_context=context, max_tasks_per_child=1)


def called(arguments: list[str], directory: Path, environment: dict[str, str], output: Path) -> tuple[int, str]:
    """Exit status and output of `snakemake` with `arguments`; `output` is a file to write to."""
    assert not [name for name in sys.modules if name.split(".")[0] == "lamo"], "LaMo was loaded before"
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from snakemake.cli import main

    try:
        main(arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code)
    sys.stdout.flush()
    sys.stderr.flush()
    return status, output.read_text(encoding="utf-8")
