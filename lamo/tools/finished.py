"""What a finished job was made of, output by output: from the records in the folder of its run.

Snakemake keeps the same in `.snakemake/metadata`, where it is lost when a run is copied to another machine or checkout.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs import provenance
from lamo.jobs.provenance import content_hash
from lamo.stores.atomic import read_json
from lamo.stores.checksums import is_foreign


@dataclass(frozen=True)
class Finished:
    """A finished job as its record describes it; all paths as the workflow writes them now.

    Attributes:
        key: hash of all that it was made of.
        params: the parameters as Python writes them, by name.
        inputs: path -> hash of the content.
        outputs: the same.
        started: seconds since 1970.
        seconds: how long it took.
    """

    rule: str
    key: str
    log: str
    params: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    started: float
    seconds: float


class FinishedJobs:
    """The finished jobs of all runs in the folder `results`, by what they wrote.

    `problems` has a line for each record that cannot be read. Files are read once.
    """

    def __init__(self, results: str | Path) -> None:
        self._results = Path(results)
        self._runs: dict[Path, dict[str, Finished]] = {}
        self._hashes: dict[str, str | None] = {}
        self.problems: list[str] = []

    def writer(self, path: str) -> Finished | None:
        """The job that wrote `path` according to the records; None if none says so."""
        run = run_of(path, self._results)
        if run is None:
            return None
        if run not in self._runs:
            # Where two jobs wrote the same file, the later one made it what it is.
            jobs = sorted(self._read(run), key=lambda job: job.started)
            self._runs[run] = {output: job for job in jobs for output in job.outputs}
        return self._runs[run].get(path)

    def is_as_written(self, path: str, job: Finished) -> bool:
        """Whether `path` has the content that `job` gave it."""
        return self._hash(path) == job.outputs[path]

    def difference(self, path: str, job: Finished) -> str:
        """Why `path` is not what `job` would write now, in words; empty if nothing speaks against it.

        Only content is compared. An input that is gone is no reason, as the files of a finished run may be archived.
        """
        if not self.is_as_written(path, job):
            return f"content was changed after it was made: {path}"
        changed = [name for name, was in job.inputs.items() if (now := self._hash(name)) is not None and now != was]
        return f"content of an input changed: {', '.join(changed)}" if changed else ""

    def _hash(self, path: str) -> str | None:
        if path not in self._hashes:
            self._hashes[path] = content_hash(path) if Path(path).exists() else None
        return self._hashes[path]

    def _read(self, run: Path) -> Iterator[Finished]:
        files = (file for file in (run / provenance.FOLDER).rglob("*.json") if not is_foreign(file.name))
        for file in sorted(files):
            try:
                record = read_json(file)
                job = _finished(record, file, run)
            except LamoError as error:
                self.problems.append(str(error))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                self.problems.append(f"{file}: no record of a job ({type(error).__name__} {error}); delete it")
            else:
                if job is not None:
                    yield job


def run_of(path: str | Path, results: str | Path) -> Path | None:
    """The folder of the run that a path below `results`, the folder of all runs, lies in; None for another path."""
    path = Path(path)
    if not path.is_relative_to(results) or len(path.relative_to(results).parts) < 2:
        return None
    return Path(results) / path.relative_to(results).parts[0]


def _finished(record: dict[str, Any], file: Path, run: Path) -> Finished | None:
    """The job of the record in `file`; None if it is older than what is compared here."""
    if record["format"] != provenance.FORMAT or "params_as_python" not in record:
        return None
    was = Path(record["results"])
    return Finished(
        rule=record["rule"],
        key=record["key"],
        log=f"{run}/logs/{file.parent.name}/{file.stem}.log",
        params=record["params_as_python"],
        inputs={_moved(path, was, run): digest for path, digest in record["inputs"].items()},
        outputs={_moved(path, was, run): digest for path, digest in record["outputs"].items()},
        started=datetime.fromisoformat(record["started"]).timestamp(),
        seconds=record["seconds"],
    )


def _moved(path: str, was: Path, run: Path) -> str:
    """A recorded path, should the run that lay in `was` now lie in `run`; other runs are beside it."""
    for before, now in ((was, run), (was.parent, run.parent)):
        if before != now and Path(path).is_relative_to(before):
            return (now / Path(path).relative_to(before)).as_posix()
    return path
