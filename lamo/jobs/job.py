"""Jobs: the body of a rule's script, with its log file and errors of one line."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.gpus import claimed_gpus
from lamo.jobs.launch import is_first_process, is_one_of_several
from lamo.jobs.lock import Locks
from lamo.jobs.provenance import Job
from lamo.jobs.side_by_side import end_with_parent, hand_in

log = logging.getLogger(__name__)


@contextmanager
def job(snakemake: Any) -> Iterator[Job]:
    """Run the body of a rule's script. Messages go to the rule's log file and to standard error.

    A `LamoError` becomes one line in both and exit status 1. Any other exception leaves its traceback in the log file
    and one line on standard error. The job has its outputs and checkpoints to itself (`lamo.jobs.lock`), and
    the GPUs that the rule asks for. At the end a record of the job is written (`lamo.jobs.provenance`).

    A job may run in several processes (`lamo.jobs.launch`): then the first adds to the log file, the others show
    warnings and tracebacks on standard error, and the process that started them writes the record and says errors.

    Args:
        snakemake: the object that Snakemake puts into the script.

    Yields:
        What the script may want to know of its job.
    """
    logfile, first = Path(snakemake.log[0]), is_first_process()
    if is_one_of_several():
        end_with_parent()
    with _logging(logfile if first else None):
        try:
            this = Job(snakemake)
            with Locks() as locks:
                _claim(locks, this, logfile)
                this.start()
                with claimed_gpus(int(snakemake.resources.get("gpu", 0))):
                    yield this
                if not is_one_of_several():
                    this.write_record()
        except LamoError as error:
            if not (is_one_of_several() and hand_in(error)):
                log.error("error in rule %s: %s", snakemake.rule, _one_line(error))
            raise SystemExit(1) from None
        except Exception as error:
            log.log(logging.DEBUG if first else logging.ERROR, "traceback", exc_info=True)
            kind, place = type(error).__name__, f"in {logfile}" if first else "above"
            log.error("unexpected %s in rule %s: %s (traceback %s)", kind, snakemake.rule, _one_line(error), place)
            raise SystemExit(1) from None


def _claim(locks: Locks, this: Job, logfile: Path) -> None:
    """Claim the job and begin its log file anew, or join the processes that work on it."""
    if is_one_of_several():
        locks.join_job(this.results, this.name)
    else:
        locks.job(this.results, this.name, f"the job {this.name}")
        # Not before: the log may be that of a job which is still at work. Handlers always add to the file.
        logfile.write_bytes(b"")


@contextmanager
def _logging(logfile: Path | None) -> Iterator[None]:
    """Send messages of the package to `logfile` and standard error, and warnings to `logfile`.

    Without a log file, only warnings and errors are shown, on standard error.
    """
    package, warnings = logging.getLogger("lamo"), logging.getLogger("py.warnings")
    package.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(logging.Formatter("%(message)s"))
    screen.setLevel(logging.INFO if logfile else logging.WARNING)
    handlers: list[tuple[logging.Logger, logging.Handler]] = [(package, screen)]
    if logfile:
        logfile.parent.mkdir(parents=True, exist_ok=True)
        # Always added to: the processes that a job starts write into the same file.
        file = logging.FileHandler(logfile, mode="a", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        file.setLevel(logging.DEBUG)
        handlers += [(package, file), (warnings, file)]
    for logger, handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def use_threads(count: int) -> None:
    """Let PyTorch use `count` threads. Only scripts that need PyTorch call this: importing it takes seconds."""
    import torch

    torch.set_num_threads(count)
