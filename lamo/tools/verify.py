"""`lamo verify`: whether the files of a run still agree with the records of how they were made."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from lamo.dataset.fingerprints import CACHE
from lamo.dataset.listing import FOLDER
from lamo.errors import LamoError
from lamo.jobs import lock, provenance
from lamo.jobs.code_hash import ROOT, code_modules, existing_modules
from lamo.jobs.provenance import content_hash
from lamo.stages import CONFIG_FILE
from lamo.stores.atomic import read_json
from lamo.stores.checksums import TIMESTAMP, differing, files_below, is_foreign
from lamo.stores.manifest import check_manifest
from lamo.stores.unlisted import foreign_files, unlisted
from lamo.tools.arguments import add_run, program_parser, run_folder
from lamo.tools.records import Record, read_records
from lamo.tools.videos_now import VideosNow

# Files and folders of a run that no job declares as its output; nothing is said of them.
NO_ARTEFACTS = (
    *("logs", "benchmarks", "checkpoints", "tensorboard", provenance.FOLDER, lock.FOLDER, CONFIG_FILE, "report.html"),
    # Written by the search for videos, which happens before the jobs.
    *(f"01_frames/{FOLDER}", f"01_frames/{CACHE}"),
)

# What can be said of a file.
AGREES = "agrees"
CHANGED = "its content was changed after it was made"
INPUT = "made from an input that has changed since"
VIDEOS = "made from videos that have changed since"
CODE = "made by code that has changed since"
DOWNSTREAM = "downstream of"
STRAY = "file without a record"
MISSING = "record without file"


@dataclass(frozen=True)
class Finding:
    """What is said of one file; `kind` is one of the sentences above, `text` has the details."""

    path: str
    kind: str
    text: str


class Verification:
    """The files of the run in `folder`, and of the stages that it shares, compared with their records.

    With `quick`, a store counts as unchanged if its manifest is the recorded one; otherwise the checksums of all its
    files are compared. `foreign` has the files that do not belong to the run, of which nothing else is said.

    Raises:
        LamoError: a record cannot be read.
    """

    def __init__(self, folder: str | Path, quick: bool = False, progress: bool = False) -> None:
        self.folder = Path(folder)
        self.records = read_records(self.folder)
        # Where two jobs wrote the same file, the later one made it what it is.
        self.made_by = {path: record for record in self.records for path in record.outputs}
        paths = sorted({path for record in self.records for path in (*record.inputs, *record.outputs)})
        self._now: dict[str, str | None] = {}
        self._damage: dict[str, str] = {}
        self.videos = VideosNow()
        self.foreign: set[str] = set()
        for path in tqdm(paths, desc="verify", unit="artefact", disable=None if progress else True):
            self._look_at(path, quick)
        self._problems = {path: self._own_problems(path) for path in self.made_by}
        self._strays = {path: [(STRAY, "")] for path in self._files_without_record()}

    def findings(self) -> list[Finding]:
        """One finding for each file, in the order of the paths."""
        found = []
        for path, problems in sorted((self._problems | self._strays).items()):
            # A file that is fine in itself may still descend from one that is not.
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
        # The files are compared with the manifest only if the manifest is the recorded one.
        known = path in self.made_by and now == self.made_by[path].outputs[path]
        if known and place.is_dir() and manifest.is_file():
            content = read_json(manifest)
            more = [name for name in unlisted(place, content["files"]) if "kind" in content or is_foreign(name)]
            self.foreign |= {f"{path}/{name}" for name in more}
            try:
                if not quick:
                    _check_folder(place, manifest)
            except LamoError as error:
                self._damage[path] = str(error)

    def _own_problems(self, path: str) -> list[tuple[str, str]]:
        record = self.made_by[path]
        problems = []
        if self._now[path] is None:
            return [(MISSING, record.rule)]
        if self._now[path] != record.outputs[path]:
            problems.append((CHANGED, ""))
        elif path in self._damage:
            problems.append((CHANGED, self._damage[path]))
        inputs = [f"{i}{'' if self._now[i] else ' (gone)'}" for i, was in record.inputs.items() if self._now[i] != was]
        if inputs:
            problems.append((INPUT, _some(inputs)))
        if record.decoded is not None and self.videos.changed(record.decoded):
            problems.append((VIDEOS, ""))
        if modules := changed_modules(record.script, tuple(sorted(record.modules.items()))):
            problems.append((CODE, _some(modules)))
        return problems

    def _origins(self, path: str) -> set[str]:
        """The nearest files that `path` descends from and that have a problem of their own."""
        origins: set[str] = set()
        seen = {path}
        todo = [path]
        while todo:
            above = set(self.made_by[todo.pop()].inputs) - seen
            seen |= above
            wrong = {other for other in above if self._problems.get(other) or other in self._strays}
            origins |= wrong
            todo += [other for other in above - wrong if other in self.made_by]
        return origins

    def _files_without_record(self) -> list[str]:
        strays = set()
        for name in files_below(self.folder):
            places = [PurePosixPath(name), *PurePosixPath(name).parents][: len(PurePosixPath(name).parts)]
            names = [place.as_posix() for place in places]
            if is_foreign(name):
                self.foreign |= set() if name.endswith(TIMESTAMP) else {name}
            elif not any(one in self.made_by or one in NO_ARTEFACTS for one in names):
                strays.add(next((one for one in names if one.endswith(".zarr")), names[0]))
        return sorted(strays)


@cache
def changed_modules(script: str, modules: tuple[tuple[str, str], ...]) -> list[str]:
    """The recorded modules (path and hash) that have changed since or are gone."""
    if not (ROOT / script).is_file():
        return [script]
    # `code_modules` takes names of modules: lamo/nn/__init__.py is lamo.nn.
    paths = [Path(path) for path, _ in modules if path != script]
    names = [path.parent if path.name == "__init__.py" else path.with_suffix("") for path in paths]
    # Modules that are gone, of this repository or of a package that is not installed here, have no hash now.
    now = code_modules(ROOT / script, existing_modules(".".join(name.parts) for name in names))
    return [path for path, digest in modules if now.get(path) != digest]


def _check_folder(folder: Path, manifest: Path) -> None:
    """Compare a store, or a folder of videos, with its manifest; `LamoError` if they disagree."""
    content = read_json(manifest)
    if "kind" in content:
        check_manifest(folder, manifest, content["kind"], whole=True)
        return
    # Of this folder all files are read, also those that the manifest does not list.
    added = [name for name in unlisted(folder, content["files"]) if not is_foreign(name)]
    if wrong := [*(name for name, _ in differing(folder, content["files"])), *added]:
        raise LamoError(f"{folder / wrong[0]}: differs from {manifest} ({len(wrong)} files do); make the folder again")


def _sentence(kind: str, detail: str) -> str:
    if not detail:
        return kind
    return f"{kind} {detail}" if kind == DOWNSTREAM else f"{kind}: {detail}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def report(verification: Verification) -> tuple[str, bool]:
    """The table of all findings with a summary below it, and whether everything agrees."""
    findings = verification.findings()
    if not findings:
        raise LamoError(f"{verification.folder}: found no artefacts and no records; run the workflow first")
    width = max(len(finding.path) for finding in findings)
    lines = [f"{'artefact'.ljust(width)}  state", "-" * (width + 7)]
    lines += [f"{finding.path.ljust(width)}  {finding.text}" for finding in findings]
    counts = Counter(finding.kind for finding in findings)
    kinds = (AGREES, CHANGED, INPUT, VIDEOS, CODE, DOWNSTREAM, STRAY, MISSING)
    said = {AGREES: "agree", DOWNSTREAM: "downstream of one that does not"}
    summary = ", ".join(f"{counts[kind]} {said.get(kind, kind)}" for kind in kinds if counts[kind])
    lines += ["", *verification.videos.problems, *_run_id(verification)]
    if verification.foreign:
        lines.append(foreign_files(verification.folder, verification.foreign))
    lines.append(f"{len(findings)} artefacts, {len(verification.records)} records: {summary}")
    return "\n".join(lines), set(counts) == {AGREES}


def _run_id(verification: Verification) -> list[str]:
    table = next((record for record in verification.records if record.rule == "metrics_table"), None)
    if table is None:
        return []
    behind = verification.behind(table)
    artefacts = sum(len(record.outputs) for record in behind)
    return [f"run id {table.key}, as in the table; {len(behind)} records of {artefacts} artefacts stand behind it"]


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo verify`."""
    parser = program_parser(
        "verify",
        "Check every file of a run against the record of how it was made: its content, its inputs and the code.\n"
        "Exit status 1 if anything disagrees.",
        "lamo verify results/demo",
    )
    add_run(parser)
    parser.add_argument("--quick", action="store_true", help="of a store compare the manifest, not all of its files")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Print what became of every file of the run.

    Returns:
        0 if everything agrees, 1 if anything does not.

    Raises:
        LamoError: there is no such run, or a record cannot be read.
    """
    options = parser().parse_args(arguments)
    text, agrees = report(Verification(run_folder(options.run), options.quick, progress=True))
    print(text)
    return 0 if agrees else 1
