"""`lamo explain`: why each job would run, in words.

Jobs and reasons come from Snakemake's dry run. What a finished job was made of stands in the record that it left,
`results/<run>/provenance/<stage>/<stem of the log>.json`.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lamo.jobs.code_hash import ROOT, code_modules, made_of
from lamo.stores.atomic import read_json
from lamo.tools.arguments import program_parser
from lamo.tools.config_text import check_options
from lamo.tools.dry_run import Job, dry_run
from lamo.tools.persistence import MARK
from lamo.tools.values import changed_values, is_hash, parse_change

# More names than this are counted instead of written.
AT_MOST = 3
NOTHING = "Nothing would run: code, config values and inputs are those of the finished jobs."


def explain(jobs: list[Job], directory: str | Path, notes: Sequence[str] = ()) -> str:
    """A text with a line for each cause: first the causes themselves, then the jobs that follow from other jobs.

    `directory` is Snakemake's working directory. The records of finished jobs lie below it. `notes` are added, each as
    a line.
    """
    more = [""] * bool(notes) + list(notes)
    if not jobs:
        nothing = "Nothing would run" if notes else NOTHING
        return "\n".join([nothing, *more]) + "\n"
    makers = {output: job for job in jobs for output in job.outputs}
    # Snakemake lists jobs in an order that differs from call to call.
    jobs = sorted(jobs, key=lambda job: (len(_ancestors(job, makers)), job.rule, _numbers_apart(job.label)))
    first: dict[tuple[str, str], list[Job]] = {}
    follows: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        causes = _causes(job, makers, Path(directory))
        for cause in causes:
            first.setdefault((job.rule, cause), []).append(job)
        if not causes:
            follows.setdefault((job.rule, f"because {_named(_upstream(job, makers))} will run again"), []).append(job)
    parts = [f"{len(jobs)} jobs would run{_places(jobs)}. First causes:", *_lines(first)]
    if follows:
        parts += ["", "What follows from them:", *_lines(follows)]
    return "\n".join([*parts, *more]) + "\n"


def _places(jobs: Sequence[Job]) -> str:
    """How many jobs write to which run, where a run shares stages of another."""
    counts = Counter(Path(job.log).parents[2].as_posix() for job in jobs if job.log)
    if len(counts) < 2:
        return ""
    return ": " + ", ".join(f"{count} of them in {run}" for run, count in sorted(counts.items()))


def _lines(causes: Mapping[tuple[str, str], list[Job]]) -> list[str]:
    return [f"  {_named(jobs)}: {cause}" for (_, cause), jobs in causes.items()]


def _named(jobs: Iterable[Job]) -> str:
    """Jobs by rule and label, the first few of each rule: "predictors_train flow seed 0, state seed 0"."""
    rules: dict[str, list[str]] = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job.label)
    names = []
    for rule, labels in rules.items():
        labels.sort(key=_numbers_apart)
        more = f" (and {len(labels) - AT_MOST} more)" if len(labels) > AT_MOST else ""
        names.append(f"{rule} {', '.join(labels[:AT_MOST])}".rstrip() + more)
    return "; ".join(names)


def _numbers_apart(label: str) -> list[tuple[int, str]]:
    """Key that sorts flow-5 before flow-20."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", label)]


def _upstream(job: Job, makers: Mapping[str, Job]) -> list[Job]:
    """The jobs whose outputs `job` reads, without those that another one of them follows from."""
    direct = _parents(job, makers)
    further = {id(one) for parent in direct for one in _ancestors(parent, makers)}
    return [parent for parent in direct if id(parent) not in further]


def _parents(job: Job, makers: Mapping[str, Job]) -> list[Job]:
    found = [makers[path] for path in job.inputs if path in makers]
    return list({id(one): one for one in found}.values())


def _ancestors(job: Job, makers: Mapping[str, Job]) -> list[Job]:
    """All jobs above `job`, each once."""
    found, todo = {}, _parents(job, makers)
    while todo:
        one = todo.pop()
        if id(one) not in found:
            found[id(one)] = one
            todo += _parents(one, makers)
    return list(found.values())


def _causes(job: Job, makers: Mapping[str, Job], directory: Path) -> list[str]:
    """Why `job` would run; empty if only because jobs before it run."""
    causes = []
    missing = [path for path in _files("Missing output files", job.reason) if not (directory / path).exists()]
    upstream = _upstream(job, makers)
    if missing and not upstream:
        new = len(missing) == len(job.outputs)
        causes.append(f"{'never run' if new else 'incomplete'}, output is missing: {_some(missing)}")
    elif missing:
        causes.append(f"output is missing: {_some(missing)} (and {_named(upstream)} will run)")
    if incomplete := _files("Incomplete output files", job.reason):
        causes.append(f"was stopped while it wrote {_some(incomplete)}")
    if updated := _files("Updated input files", job.reason):
        causes.append(f"content of an input changed: {_some(updated)}")
    if "Set of input files has changed" in job.reason:
        causes.append("it reads other files than before")
    if "Forced execution" in job.reason:
        causes.append("forced on the command line")
    if "Params have changed" in job.reason:
        causes += _changes(job, directory)
    if not causes and not upstream:
        causes.append(f"Snakemake says: {job.reason or 'no reason'}")
    return causes


def _files(title: str, reason: str) -> list[str]:
    found = re.search(rf"{title}: ([^;]*)", reason)
    return found[1].strip().split(", ") if found and found[1].strip() else []


def _some(paths: list[str]) -> str:
    return ", ".join(paths[:AT_MOST]) + (f" (and {len(paths) - AT_MOST} more)" if len(paths) > AT_MOST else "")


def _changes(job: Job, directory: Path) -> list[str]:
    """The config values, files and modules of code that changed since the job was finished."""
    record = _record(job, directory)
    all_before, now = parse_change(job.reason)
    marks = [value for value in all_before if isinstance(value, str) and value.startswith(MARK)]
    before = [value for value in all_before if value not in marks]
    causes = [mark.removeprefix(MARK) for mark in marks]
    causes += changed_values(before, now, (record or {}).get("params", {}))
    hashes = {value for value in now if is_hash(value)}
    # The dry run made the hashes of code in this process.
    of_code = {digest: code for digest in hashes if (code := made_of(digest)) is not None}
    causes += [_changed_code(code, record) for code in of_code.values()]
    if hashes - of_code.keys():
        causes.append("the videos changed, or what lies beside them")
    return causes or ["config values or code changed, but Snakemake does not say which"]


def _changed_code(code: tuple[Path, tuple[str, ...]], record: dict[str, Any] | None) -> str:
    """What changed of a script and the modules that it loads by name."""
    if record is None:
        return "code changed (which module is not known: the finished job left no record)"
    now, before = code_modules(*code), record["code"]["modules"]
    changed = [path for path, digest in now.items() if before.get(path, digest) != digest]
    changed += [f"{path} (new)" for path in now if path not in before]
    changed += [f"{path} (gone)" for path in before if path not in now and not (ROOT / path).exists()]
    return f"code changed: {', '.join(changed)}" if changed else "code changed: it imports other modules"


def _record(job: Job, directory: Path) -> dict[str, Any] | None:
    """The record of the finished job, or None if it left none."""
    if job.log is None:
        return None
    log = directory / job.log
    path = log.parents[2] / "provenance" / log.parent.name / f"{log.stem}.json"
    return read_json(path) if path.is_file() else None


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo explain`."""
    parser = program_parser(
        "explain",
        "Say in words why Snakemake would run each job. Nothing is run.\n"
        "A cause is a file that is missing or changed, a value of the configuration, or a module of the code.",
        "lamo explain --cores 2 --configfile config/bdd100k.yaml",
    )
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="arguments of snakemake, as for the run")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Print the explanation of a dry run with `arguments` of Snakemake.

    Raises:
        LamoError: Snakemake refuses them.
    """
    given = list(arguments)
    if given[:1] not in (["-h"], ["--help"], ["--"]):
        # Options, too, are Snakemake's.
        given = ["--", *given]
    asked = parser().parse_args(given).arguments
    check_options(["snakemake", *asked])
    start = Path.cwd()
    notes: list[str] = []
    jobs = dry_run(asked, notes)
    named = [asked[i + 1] for i, one in enumerate(asked[:-1]) if one in ("--directory", "-d")]
    print(explain(jobs, start / named[0] if named else start, notes), end="")
    return 0
