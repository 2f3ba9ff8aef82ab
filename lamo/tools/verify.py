"""Whether the artefacts of a run still agree with what made them: `python -m lamo.tools.verify results/<run>`."""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tqdm import tqdm

from lamo.dataset.fingerprints import CACHE
from lamo.dataset.listing import FOLDER
from lamo.errors import LamoError
from lamo.jobs import provenance
from lamo.jobs.code_hash import ROOT, code_modules
from lamo.jobs.provenance import content_hash
from lamo.stages import CONFIG_FILE
from lamo.stores.atomic import read_json
from lamo.stores.checksums import FOREIGN, checksums
from lamo.stores.manifest import check_manifest

NO_ARTEFACTS = (
    *("logs", "benchmarks", "checkpoints", provenance.FOLDER, CONFIG_FILE, "report.html"),
    # Kept by what looks for videos, beside the artefacts of its stage.
    *(f"01_frames/{FOLDER}", f"01_frames/{CACHE}"),
)

AGREES = "agrees"
CHANGED = "its content was changed after it was made"
INPUT = "made from an input that has changed since"
CODE = "made by code that has changed since"
DOWNSTREAM = "downstream of"
STRAY = "file without a record"
MISSING = "record without file"


@dataclass(frozen=True)
class Record:
    """What `verify` reads of a job's record; paths in the run's folder are relative to that, others are absolute."""

    rule: str
    key: str
    started: str
    script: str
    modules: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True)
class Finding:
    """What is to be said of one artefact; `kind` is one of the sentences above."""

    path: str
    kind: str
    text: str


class Verification:
    """The artefacts of the run in `folder` beside their records.

    `quick` takes a store for whole if its manifest is the one that was recorded; else the checksums of all its files
    are compared. Raises `LamoError` if there is no such folder or a record cannot be read.
    """

    def __init__(self, folder: str | Path, quick: bool = False, progress: bool = False) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise LamoError(f"{folder}: no such folder, expected that of a run; give results/<run>")
        self.records = read_records(self.folder)
        # Of two rules that wrote the same file, one after the other, the last one made it what it is.
        self.made_by = {path: record for record in self.records for path in record.outputs}
        paths = sorted({path for record in self.records for path in (*record.inputs, *record.outputs)})
        self._now: dict[str, str | None] = {}
        self._damage: dict[str, str] = {}
        for path in tqdm(paths, desc="verify", unit="artefact", disable=None if progress else True):
            self._look_at(path, quick)
        self._problems = {path: self._own_problems(path) for path in self.made_by}
        self._strays = {path: [(STRAY, "")] for path in self._files_without_record()}

    def findings(self) -> list[Finding]:
        """A finding for every artefact, by path."""
        found = []
        for path, problems in sorted((self._problems | self._strays).items()):
            if not problems and (origins := self._origins(path)):
                problems = [(DOWNSTREAM, _some(sorted(origins)))]
            problems = problems or [(AGREES, "")]
            text = "; ".join(_sentence(kind, detail) for kind, detail in problems)
            found.append(Finding(path, problems[0][0], text))
        return found

    def behind(self, record: Record) -> list[Record]:
        """The records of all jobs that `record` descends from."""
        found: dict[int, Record] = {}
        todo = [record]
        while todo:
            above = [self.made_by[path] for path in todo.pop().inputs if path in self.made_by]
            todo += [other for other in above if id(other) not in found]
            found |= {id(other): other for other in above}
        return list(found.values())

    def _look_at(self, path: str, quick: bool) -> None:
        place = self.folder / path
        now = self._now[path] = content_hash(place) if place.exists() else None
        manifest = place.with_suffix(".manifest.json")
        # A manifest that is not the recorded one says nothing of the store.
        known = path in self.made_by and now == self.made_by[path].outputs[path]
        if known and not quick and place.is_dir() and manifest.is_file():
            try:
                _check_folder(place, manifest)
            except LamoError as error:
                self._damage[path] = str(error)

    def _own_problems(self, path: str) -> list[tuple[str, str]]:
        record, problems = self.made_by[path], []
        if self._now[path] is None:
            return [(MISSING, record.rule)]
        if self._now[path] != record.outputs[path]:
            problems.append((CHANGED, ""))
        elif path in self._damage:
            problems.append((CHANGED, self._damage[path]))
        inputs = [f"{i}{'' if self._now[i] else ' (gone)'}" for i, was in record.inputs.items() if self._now[i] != was]
        if inputs:
            problems.append((INPUT, _some(inputs)))
        if modules := changed_modules(record.script, tuple(sorted(record.modules.items()))):
            problems.append((CODE, _some(modules)))
        return problems

    def _origins(self, path: str) -> set[str]:
        """Those artefacts that `path` descends from and of which something is to be said themselves."""
        origins: set[str] = set()
        seen, todo = {path}, [path]
        while todo:
            above = set(self.made_by[todo.pop()].inputs) - seen
            seen |= above
            wrong = {other for other in above if self._problems.get(other) or other in self._strays}
            origins |= wrong
            todo += [other for other in above - wrong if other in self.made_by]
        return origins

    def _files_without_record(self) -> list[str]:
        strays = set()
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name not in FOREIGN:
                places = [file, *file.parents][: len(file.relative_to(self.folder).parts)]
                names = [place.relative_to(self.folder).as_posix() for place in places]
                if not any(name in self.made_by or name in NO_ARTEFACTS for name in names):
                    strays.add(next((name for name in names if name.endswith(".zarr")), names[0]))
        return sorted(strays)


def read_records(folder: Path) -> list[Record]:
    """The records of the run in `folder`, the oldest first; `LamoError` if one cannot be read."""
    files = sorted((folder / provenance.FOLDER).rglob("*.json"))
    return sorted((_read_record(file, folder) for file in files), key=lambda record: record.started)


def _read_record(file: Path, folder: Path) -> Record:
    content = read_json(file)
    found = content.get("format") if isinstance(content, dict) else None
    if found != provenance.FORMAT:
        raise LamoError(
            f"{file}: found format {found}, expected {provenance.FORMAT}; run the rule that writes it again"
        )
    inputs, outputs = (
        {_place(path, content["results"], folder): digest for path, digest in content[name].items()}
        for name in ("inputs", "outputs")
    )
    code = content["code"]
    facts = content["rule"], content["key"], content["started"]
    return Record(*facts, code["script"], code["modules"], inputs, outputs)


def _place(path: str, results: str, folder: Path) -> str:
    """A recorded path as one in the run's folder, which may have been moved; an absolute one if it lies elsewhere."""
    if Path(path).is_relative_to(results):
        return Path(path).relative_to(results).as_posix()
    return (folder.resolve().parents[1] / path).as_posix()


@cache
def changed_modules(script: str, modules: tuple[tuple[str, str], ...]) -> list[str]:
    """Those of the recorded modules, paths with their hashes, that are other now or gone."""
    if not (ROOT / script).is_file():
        return [script]
    paths = [Path(path) for path, _ in modules if path != script and (ROOT / path).is_file()]
    names = [path.parent if path.name == "__init__.py" else path.with_suffix("") for path in paths]
    now = code_modules(ROOT / script, tuple(".".join(name.parts) for name in names))
    return [path for path, digest in modules if now.get(path) != digest]


def _check_folder(folder: Path, manifest: Path) -> None:
    """Compare a store, or a folder of videos, with the manifest beside it; `LamoError` if they do not agree."""
    content = read_json(manifest)
    if "kind" in content:
        check_manifest(folder, manifest, content["kind"], whole=True)
        return
    found, expected = checksums(folder), content["files"]
    if wrong := sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)):
        raise LamoError(
            f"{folder / wrong[0]}: is not what {manifest} says, nor are {len(wrong) - 1} others; make it again"
        )


def _sentence(kind: str, detail: str) -> str:
    if not detail:
        return kind
    return f"{kind} {detail}" if kind == DOWNSTREAM else f"{kind}: {detail}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def report(verification: Verification) -> tuple[str, bool]:
    """The table of all findings with its summary, and whether everything agrees."""
    findings = verification.findings()
    if not findings:
        raise LamoError(f"{verification.folder}: found no artefacts and no records; run the workflow first")
    width = max(len(finding.path) for finding in findings)
    lines = [f"{'artefact'.ljust(width)}  state", "-" * (width + 7)]
    lines += [f"{finding.path.ljust(width)}  {finding.text}" for finding in findings]
    counts = Counter(finding.kind for finding in findings)
    kinds = (AGREES, CHANGED, INPUT, CODE, DOWNSTREAM, STRAY, MISSING)
    said = {AGREES: "agree", DOWNSTREAM: "downstream of one that does not"}
    summary = ", ".join(f"{counts[kind]} {said.get(kind, kind)}" for kind in kinds if counts[kind])
    lines += ["", *_run_id(verification)]
    lines.append(f"{len(findings)} artefacts, {len(verification.records)} records: {summary}")
    return "\n".join(lines), set(counts) == {AGREES}


def _run_id(verification: Verification) -> list[str]:
    table = next((record for record in verification.records if record.rule == "metrics_table"), None)
    if table is None:
        return []
    behind = verification.behind(table)
    artefacts = sum(len(record.outputs) for record in behind)
    return [f"run id {table.key}, as in the table; {len(behind)} records of {artefacts} artefacts stand behind it"]


def main(arguments: list[str] | None = None) -> int | str:
    """Print the report. Returns what `sys.exit` takes: 1 if anything disagrees, or what is wrong in one line."""
    parser = argparse.ArgumentParser(prog="python -m lamo.tools.verify", description=__doc__)
    parser.add_argument("results", help="folder of a run, results/<run>")
    parser.add_argument("--quick", action="store_true", help="compare the manifests of stores, not all their files")
    options = parser.parse_args(arguments)
    try:
        text, agrees = report(Verification(options.results, options.quick, progress=True))
    except LamoError as error:
        return str(error)
    print(text)
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
