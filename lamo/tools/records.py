"""The records that the jobs of a run left: what each output was made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs import provenance
from lamo.stores.atomic import read_json


@dataclass(frozen=True)
class Record:
    """The part of a job's record that `lamo verify` compares.

    Attributes:
        key: hash of all that the job was made of.
        started: date and time.
        script: path in the repository.
        modules: path in the repository -> hash, for each module of the code that ran.
        inputs: path -> hash of the content; relative to the folder of the run, or absolute if it lies elsewhere.
        outputs: the same.
    """

    rule: str
    key: str
    started: str
    script: str
    modules: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]


def read_records(folder: Path) -> list[Record]:
    """The records of the run in `folder`, the oldest first.

    Raises:
        LamoError: a record cannot be read or has another format.
    """
    files = sorted((folder / provenance.FOLDER).rglob("*.json"))
    return sorted((_read_record(file, folder) for file in files), key=lambda record: record.started)


def _read_record(file: Path, folder: Path) -> Record:
    content = read_json(file)
    found = content.get("format") if isinstance(content, dict) else None
    if found != provenance.FORMAT:
        raise LamoError(
            f"{file}: found format {found}, expected {provenance.FORMAT}; run the rule that writes it again"
        )
    return Record(
        rule=content["rule"],
        key=content["key"],
        started=content["started"],
        script=content["code"]["script"],
        modules=content["code"]["modules"],
        inputs=_hashes(content, "inputs", folder),
        outputs=_hashes(content, "outputs", folder),
    )


def _hashes(content: dict[str, Any], name: str, folder: Path) -> dict[str, str]:
    return {_place(path, content["results"], folder): digest for path, digest in content[name].items()}


def _place(path: str, results: str, folder: Path) -> str:
    """A recorded path, relative to the run's folder, which may have been moved since; or absolute outside of it."""
    if Path(path).is_relative_to(results):
        return Path(path).relative_to(results).as_posix()
    return (folder.resolve().parents[1] / path).as_posix()
