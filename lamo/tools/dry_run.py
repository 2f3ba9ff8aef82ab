"""The jobs that Snakemake would run: its dry run, asked in this process."""

import contextlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake import cli
from snakemake.logging import logger

from lamo.errors import LamoError
from lamo.tools.persistence import NOTE


@dataclass(frozen=True)
class Job:
    """A job of a dry run, as Snakemake announces it.

    Attributes:
        inputs: paths.
        outputs: paths.
        log: path of the log file; None where the rule has none.
        reason: why it would run, in Snakemake's words, without spaces in paths.
        threads: what the rule and the profile ask for, at most the `--cores` of the dry run.
        resources: what the job asks for at its first attempt, e.g. `mem_mb` and `runtime` [min].
    """

    rule: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    log: str | None
    reason: str
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As a researcher would name it among the jobs of its rule: "flow seed 0 flow-4"."""
        return " ".join(f"{k} {v}" if k in ("seed", "shard") else v for k, v in self.wildcards.items())


@dataclass
class _Listener(logging.Filter):
    """Keeps the jobs that Snakemake announces, notes of LaMo, and what goes wrong; nothing is printed."""

    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "rule_name") and hasattr(record, "reason"):
            self.jobs.append(_job(record))
        elif hasattr(record, NOTE):
            self.notes.append(record.getMessage())
        elif record.levelno >= logging.ERROR:
            self.errors.append(record.getMessage())
        return False


def _job(record: Any) -> Job:
    """The job of a record with Snakemake's attributes."""
    return Job(
        rule=record.rule_name,
        wildcards=dict(record.wildcards),
        inputs=tuple(record.input),
        outputs=tuple(record.output),
        log=record.log[0] if record.log else None,
        reason=record.reason,
        threads=record.threads,
        resources=dict(record.resources.items()),
    )


def dry_run(arguments: list[str], notes: list[str] | None = None) -> list[Job]:
    """The jobs that `snakemake --dry-run` with these arguments would run, the target rule left out.

    `notes` takes up what LaMo says of finished jobs of which too little is known. Raises `LamoError` if Snakemake
    refuses.
    """
    listener = _Listener()
    printed = io.StringIO()
    logger.addFilter(listener)
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            cli.main(["--dry-run", *arguments])
    except SystemExit as end:
        if end.code:
            code = str(end.code) if end.code != 1 else ""
            said = " ".join(" ".join([code, *listener.errors, printed.getvalue()]).split())
            raise LamoError(f"snakemake --dry-run {' '.join(arguments)}: {said}") from None
    finally:
        logger.removeFilter(listener)
    if notes is not None:
        notes += listener.notes
    return [job for job in listener.jobs if job.outputs]
