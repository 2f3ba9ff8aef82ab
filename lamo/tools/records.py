"""The records that the jobs of a run left: what each output was made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs import provenance
from lamo.stages import shared_records
from lamo.stores.atomic import read_json
from lamo.stores.checksums import is_foreign


@dataclass(frozen=True)
class Decoded:
    """What a job decoded: the videos of a shard, whose hash was `videos`, by the configuration of the run in `home`."""

    home: Path
    config: dict[str, Any]
    shard: tuple[str, int]
    videos: str


@dataclass(frozen=True)
class Record:
    """The part of a job's record that `lamo verify` compares.

    Attributes:
        key: hash of all that the job was made of.
        started: date and time.
        script: path in the repository.
        modules: path in the repository -> hash, for each module of the code that ran.
        inputs: path -> hash of the content. The path is relative to the folder of the run (`01_frames/clips.parquet`),
            also where it lies in another run (`../bench/01_frames/clips.parquet`); anything else is absolute.
        outputs: the same.
        decoded: of a job that decodes videos of a folder: which ones.
    """

    rule: str
    key: str
    started: str
    script: str
    modules: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]
    decoded: Decoded | None = None


def raw_records(folder: Path) -> dict[Path, dict[str, Any]]:
    """What the jobs of the run in `folder` left, and those of the stages that it shares of another: file -> content.

    Raises:
        LamoError: a file cannot be read.
    """
    own = sorted(path for path in (folder / provenance.FOLDER).rglob("*.json") if not is_foreign(path.name))
    return {path: read_json(path) for path in (*shared_records(folder)[1], *own)}


def read_records(folder: Path) -> list[Record]:
    """The records of the run in `folder` and of the stages that it shares of another run, the oldest first.

    Raises:
        LamoError: a record cannot be read or has another format.
    """
    own = sorted(path for path in (folder / provenance.FOLDER).rglob("*.json") if not is_foreign(path.name))
    other, shared = shared_records(folder)
    records = [_read_record(file, folder, folder) for file in own]
    records += [_read_record(file, other, folder) for file in shared]
    return sorted(records, key=lambda record: record.started)


def _read_record(file: Path, home: Path, folder: Path) -> Record:
    """The record in `file`, which the run in `home` keeps; its paths are seen from `folder`."""
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
        inputs=_hashes(content, "inputs", home, folder),
        outputs=_hashes(content, "outputs", home, folder),
        decoded=_decoded(content, home),
    )


def _decoded(content: dict[str, Any], home: Path) -> Decoded | None:
    """Of a job that decodes videos of a folder; the synthetic world is an input like others."""
    if content["rule"] != "frames_decode" or content["params"].get("videos") is None:
        return None
    place = content["wildcards"]
    return Decoded(home, content["config"], (place["split"], int(place["shard"])), content["params"]["videos"])


def _hashes(content: dict[str, Any], name: str, home: Path, folder: Path) -> dict[str, str]:
    places = {path: _place(Path(path), Path(content["results"]), home.resolve()) for path in content[name]}
    return {_shown(places[path], folder.resolve()): digest for path, digest in content[name].items()}


def _place(path: Path, results: Path, home: Path) -> Path:
    """Where a recorded path lies now. `results` is where the run in `home` lay when the record was written."""
    if path.is_relative_to(results):
        return home / path.relative_to(results)
    if path.is_relative_to(results.parent):
        return home.parent / path.relative_to(results.parent)
    return home.parents[1] / path


def _shown(place: Path, folder: Path) -> str:
    """An absolute path as seen from the run in `folder`."""
    if place.is_relative_to(folder):
        return place.relative_to(folder).as_posix()
    if place.is_relative_to(folder.parent):
        return f"../{place.relative_to(folder.parent).as_posix()}"
    return place.as_posix()
