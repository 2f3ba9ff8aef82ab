"""Ablations on a finished run: train the variants, roll them out, write the tables.

What is finished is kept and not computed again while its settings and the run are the same.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.training.signals import Stopped
from studies.ablations.plan import Plan, make_plan
from studies.ablations.report import write_report
from studies.ablations.settings import read_study
from studies.ablations.work import Job, run_job
from studies.ablations.worlds import make

RESULTS = Path("results")
STUDY = ROOT / "studies" / "ablations.yaml"
logger = logging.getLogger("studies.ablations")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 after an error of use, and where a variant failed (the others are computed first)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        study = read_study(options.study, options.run, options.configfile)
        groups = _chosen([group.name for group in study.groups], options.groups)
        plan = make_plan(study, groups, RESULTS)
        failed = 0 if options.tables_only else compute(plan, options.threads)
        write_report(plan, options.docs, _command(options))
    except LamoError as error:
        logger.error("error: %s", error)
        return 1
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studies.ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="finished run, results/RUN")
    parser.add_argument("--configfile", type=Path, help="what it was made with; config/RUN.yaml where there is one")
    parser.add_argument("--study", type=Path, default=STUDY, help="what is ablated")
    parser.add_argument("--groups", help="names by commas; all of the study")
    parser.add_argument("--threads", type=int, default=2, help="cores; as many trainings side by side, one core each")
    parser.add_argument("--docs", type=Path, help="page that is written, or whose tables are replaced")
    parser.add_argument("--tables-only", action="store_true", help="tables of what is finished, compute nothing")
    return parser


def _chosen(known: list[str], names: str | None) -> list[str]:
    wanted = names.split(",") if names else known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise LamoError(f"--groups: found {', '.join(unknown)}, expected {', '.join(known)}")
    return wanted


def _command(options: argparse.Namespace) -> str:
    """What makes the page again."""
    config = f" --configfile {options.configfile}" if options.configfile else ""
    study = f" --study {options.study}" if options.study != STUDY else ""
    docs = f" --docs {options.docs}" if options.docs else ""
    return f"python -m studies.ablations --run {options.run}{config}{study}{docs}"


def compute(plan: Plan, threads: int) -> int:
    """All that is unfinished: first what stands on the run itself, then what needs stages of its own. Returns the
    number of jobs and stages that failed; each is said in a line."""
    unfinished = [job for job in plan.jobs if job.unfinished]
    logger.info("%d of %d jobs to do", len(unfinished), len(plan.jobs))
    failed = _run([job for job in unfinished if job.stages.config is None], threads)
    rest = [job for job in unfinished if job.stages.config is not None]
    ready = set()
    for stages in {job.stages.key: job.stages for job in rest}.values():
        try:
            make(stages, threads, plan.folder)
            ready.add(stages.key)
        except LamoError as error:
            logger.error("error: %s", error)
            failed += 1
    return failed + _run([job for job in rest if job.stages.key in ready], threads)


def _run(jobs: Sequence[Job], threads: int) -> int:
    """Jobs side by side, each in a process with one thread; with one thread, one after the other in this process.
    Returns the number of jobs that failed."""
    if threads == 1 or len(jobs) < 2:
        torch.set_num_threads(1)
        return sum(
            _failed(f"{number} of {len(jobs)}", job, partial(run_job, job)) for number, job in enumerate(jobs, 1)
        )
    # Bars of several processes would write over each other.
    os.environ["TQDM_DISABLE"] = "1"
    # A child that is forked from a process that has used torch's threads may hang.
    with ProcessPoolExecutor(threads, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        futures = {pool.submit(run_job, job): job for job in jobs}
        try:
            done = enumerate(as_completed(futures), start=1)
            return sum(_failed(f"{number} of {len(jobs)}", futures[one], one.result) for number, one in done)
        finally:
            pool.shutdown(cancel_futures=True)  # of an interrupted study nothing more is begun


def _failed(number: str, job: Job, result: Callable[[], str]) -> bool:
    try:
        logger.info("%s: %s", number, result())
    except Stopped:
        raise
    except LamoError as error:
        logger.error("%s: %s: error: %s", number, job.label, error)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
