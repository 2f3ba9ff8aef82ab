"""What Snakemake remembers of finished jobs, and how it locks: by the records and the locks of the runs, too.

Snakemake keeps both in the folder `.snakemake` of the working directory. There they are lost when a run is copied or
the folder is deleted; and there the runs of one checkout disturb each other, since a run that ends removes the locks of
all. The records in `results/<run>/provenance` go where the run goes, and the locks in `results/<run>/locks` end with
the processes that hold them (`lamo.jobs.lock`). Snakemake has no setting for this, so `install` puts a subclass in the
place of Snakemake's own class.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import snakemake.api  # which loads snakemake.workflow; that one cannot be loaded first
from snakemake.logging import logger
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord, PersistenceBase

from lamo.errors import LamoError
from lamo.jobs.limits import check_writable
from lamo.jobs.lock import Locks
from lamo.tools.finished import Finished, FinishedJobs, run_of

engine = snakemake.workflow

CLASSES = {name: getattr(engine, name) for name in ("FilePersistence", "DbPersistence")}
"""Snakemake's classes, by the names under which `snakemake.workflow` looks for them."""

MARK = "LaMo: "
"""Begins a parameter that no job has. Snakemake runs the job again and gives the parameter among its reasons."""

NOTE = "lamo_note"
"""Attribute of those messages in Snakemake's log that programs for people pass on."""


class PersistenceOfRuns(PersistenceBase):  # type: ignore[misc]
    """Snakemake's memory and locks with those of the runs; `results` is the folder of the run, `shared` the run whose
    stages it uses.

    What Snakemake remembers of an output counts if the output still has the time that it remembers. Otherwise the
    record in the folder of the run counts, if it describes the output as it is.
    """

    results: ClassVar[str]
    shared: ClassVar[str | None]

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._jobs = FinishedJobs(Path(self.results).parent)
        self._known: dict[str, Any] = {}
        self._without: dict[Any, list[str]] = {}
        self._locks = Locks()
        self._written: set[Path] = set()
        self._read: set[Path] = set()
        workflow = self.dag.workflow
        # There is no executor for what only looks: lists, reports, --unlock.
        if workflow.executor_plugin is not None and not workflow.dryrun and not settings.get("nolock"):
            try:
                check_writable(self.results)
            except LamoError as error:
                raise SystemExit(str(error)) from None
            self._claim(Path(self.results))
            if self.shared is not None:
                self._claim(Path(self.results).with_name(self.shared), to_write=False)

    def metadata(self, target: Any) -> Any:
        """What is known of how `target`, an output, was made; None if nothing is."""
        key = self._get_key(target)
        if key not in self._known:
            self._known[key] = self._described(key, target.rule, super().metadata(target))
        return self._known[key]

    def has_metadata(self, job: Any) -> bool:
        """Whether it is known how all outputs of `job` were made."""
        found = bool(super().has_metadata(job))
        if not found:
            self._without[job] = [str(path) for path in job.output if self.metadata(path) is None]
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Snakemake's lock, after the locks of all runs that jobs will write to."""
        try:
            if self._written:
                for run in {run_of(path, Path(self.results).parent) for path in self.all_outputfiles()}:
                    if run is not None and run not in self._written:
                        self._claim(run)
                self._drop_stale_locks()
                self._check_shared()
            self._say_what_is_not_known()
            with super().lock():
                yield
        finally:
            self._locks.release()

    @contextmanager
    def lock_warn_only(self) -> Iterator[None]:
        """No lock: of a dry run."""
        self._say_what_is_not_known()
        yield

    def _claim(self, run: Path, to_write: bool = True) -> None:
        name = Path(self.results).name
        what = f"the Snakemake of the run {name}"
        try:
            if to_write:
                self._locks.write(run, what)
                self._written.add(run)
            else:
                self._locks.read(run, what, name)
                self._read.add(run)
        except LamoError as error:
            raise SystemExit(str(error)) from None

    def _check_shared(self) -> None:
        """Stages of another run are made where they are missing, and never made again."""
        other = Path(self.results).with_name(self.shared or Path(self.results).name)
        if other == Path(self.results):
            return
        again = {
            job.rule.name
            for job in self.dag.needrun_jobs()
            if job.output
            and all(run_of(path, other.parent) == other and Path(path).exists() for path in job.output)
            and not self.dag.reason(job).incomplete_output
        }
        if again:
            raise SystemExit(
                f"share.run: the stages of {other.name} are out of date and this run would make them again "
                f"({', '.join(sorted(again))}; lamo explain says why); start the run {other.name} itself first"
            )

    def _drop_stale_locks(self) -> None:
        """Remove the locks of Snakemake that cannot be those of a live run, given the runs that this process holds."""
        for file in (self.path / "locks").glob("*.lock"):
            with suppress(FileNotFoundError):  # a run that ends removes all
                paths = file.read_text(encoding="utf-8").splitlines()
                held = self._written | (self._read if ".output." in file.name else set())
                if {run_of(path, Path(self.results).parent) for path in paths} & held:
                    file.unlink()

    def _clear_cache(self) -> None:
        super()._clear_cache()
        self._known = {}
        self._jobs = FinishedJobs(Path(self.results).parent)

    def _described(self, path: str, rule: Any, found: Any) -> Any:
        """What is known of `path`, of which Snakemake remembers `found`."""
        modified = _modified(path)
        if modified is None:
            return found
        if found is not None and found.endtime == modified and found.record_format_version == RECORD_FORMAT_VERSION:
            return found
        job = self._jobs.writer(path)
        if job is None or (found is not None and not self._jobs.is_as_written(path, job)):
            return found
        record = _remembered(job, rule, modified)
        if difference := self._jobs.difference(path, job):
            # Not kept: it is true only as long as the files are what they are now.
            record.params = [*record.params, repr(MARK + difference)]
        else:
            self._write_record(path, record)
        return record

    def _say_what_is_not_known(self) -> None:
        for problem in self._jobs.problems:
            logger.warning(problem, extra={NOTE: True})
        unknown = {
            job: there
            for job, paths in self._without.items()
            if (there := [path for path in paths if _modified(path) is not None]) and not self.dag.needrun(job)
        }
        if unknown:
            rules = " ".join(sorted({job.rule.name for job in unknown}))
            paths = sorted(path for some in unknown.values() for path in some)
            logger.warning(
                f"It is not known whether {len(paths)} outputs are up to date, the first of them {paths[0]}: neither "
                f"Snakemake nor a record in provenance/ says what they were made of; to make them anew, add: "
                f"--forcerun {rules}",
                extra={NOTE: True},
            )


def install(results: str, shared: str | None) -> None:
    """Let Snakemake, in this process, remember and lock as described above for the run in the folder `results`.

    `shared`: the run whose stages it uses, if it does.
    """
    for name, base in CLASSES.items():
        setattr(engine, name, type(name, (PersistenceOfRuns, base), {"results": results, "shared": shared}))


def _modified(path: str) -> float | None:
    """The time of an output as Snakemake sees it; None if there is no such output."""
    for place in (Path(path, ".snakemake_timestamp"), Path(path)):
        with suppress(FileNotFoundError, NotADirectoryError):
            return place.stat().st_mtime
    return None


def _remembered(job: Finished, rule: Any, modified: float) -> Any:
    """What Snakemake would have kept of `job`, for an output that has the time `modified` now."""
    # Parameters that are derived of inputs or resources are not compared.
    derived = {name for name, value in rule.params.items() if rule._is_deriving_function(value)}
    return MetadataRecord(
        rule=job.rule,
        input=sorted(job.inputs),
        log=[job.log],
        params=sorted(value for name, value in job.params.items() if name not in derived),
        record_format_version=RECORD_FORMAT_VERSION,
        # A number for all outputs of the job, by which the report brings them together.
        job_hash=int(job.key[:12], 16),
        starttime=modified - job.seconds,
        endtime=modified,
        incomplete=False,
        input_checksums={path: f"sha256:{digest}" for path, digest in job.inputs.items() if not Path(path).is_dir()},
    )
