"""What the jobs of earlier runs took on this machine, from their benchmark files and records."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.jobs.provenance import FOLDER, device
from lamo.stores.atomic import read_json
from lamo.stores.checksums import is_foreign
from lamo.tools.plan.clips import clips_of_run
from lamo.tools.plan.geometry import sizes_of
from lamo.tools.plan.work import Workload

MOST_RUNS = 5


@dataclass(frozen=True)
class FinishedJob:
    """A job that ran on this machine: what it was, the seconds that passed, and the configuration of its run."""

    rule: str
    wildcards: dict[str, str]
    seconds: float
    config: str


@dataclass
class EarlierRun:
    """The finished jobs of a run.

    `unread`: what of its records and benchmark files cannot be read, a line each. These jobs are left out.
    """

    folder: Path
    jobs: list[FinishedJob]
    unread: list[str] = field(default_factory=list)
    _workloads: dict[str, Workload | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    def measured(self, rule: str) -> tuple[float, float, int]:
        """Seconds of the jobs of a rule, the amount of their work, and how many they are; 0 jobs if it is not known."""
        seconds = amount = 0.0
        count = 0
        for job in self.jobs:
            if job.rule != rule:
                continue
            workload = self._workload(job.config)
            if workload is None:
                continue
            seconds += job.seconds
            amount += workload.of(rule, job.wildcards).amount[0]
            count += 1
        return seconds, amount, count

    def _workload(self, config: str) -> Workload | None:
        """What the run did under a configuration; None if that is one of another version of the code."""
        if config not in self._workloads:
            self._workloads[config] = self._make_workload(config)
        return self._workloads[config]

    def _make_workload(self, config: str) -> Workload | None:
        clips = clips_of_run(self.folder)
        if clips is None:
            return None
        try:
            return Workload(sizes_of(load_config(json.loads(config))), clips)
        except LamoError:
            return None


def earlier_runs(results: Path) -> list[EarlierRun]:
    """The runs below `results` with jobs that ran on this machine, the newest first, some at most."""
    folders = [run for run in results.iterdir() if (run / FOLDER).is_dir()] if results.is_dir() else []
    newest = sorted(folders, key=lambda run: (run / FOLDER).stat().st_mtime, reverse=True)
    runs = [_finished(run) for run in newest]
    return [run for run in runs if run.jobs or run.unread][:MOST_RUNS]


def _finished(folder: Path) -> EarlierRun:
    """The jobs of a run that ran on this machine."""
    run = EarlierRun(folder, [])
    here = device(1)
    for path in sorted(path for path in (folder / FOLDER).glob("*/*.json") if not is_foreign(path.name)):
        benchmark = folder / "benchmarks" / path.parent.name / f"{path.stem}.tsv"
        if not benchmark.is_file():
            continue
        try:
            record = read_json(path)
            made_on = record["device"]
            if "config" not in record or (made_on["cpu"], made_on["gpus"]) != (here["cpu"], here["gpus"]):
                continue
            config = json.dumps(record["config"], sort_keys=True)
            # Of a training that was interrupted, the benchmark file has the last attempt alone, its log has all.
            logged = sum(_logged_s(folder / Path(*Path(output).parts[2:])) for output in record["outputs"])
            seconds = max(_seconds(benchmark), logged)
            run.jobs.append(FinishedJob(record["rule"], record["wildcards"], seconds, config))
        # A half-written file is no reason not to plan.
        except LamoError as error:
            run.unread.append(str(error))
    return run


def _logged_s(output: Path) -> float:
    """Seconds that the steps of a training took, over all attempts, if `output` (results/RUN/...) is its log."""
    if output.suffix != ".parquet" or not output.is_file():
        return 0.0
    table = pq.ParquetFile(output)
    if "minutes" not in table.schema_arrow.names:
        return 0.0
    return 60.0 * max(table.read(["minutes"])["minutes"].drop_null().to_pylist(), default=0.0)


def _seconds(benchmark: Path) -> float:
    """The time that passed; the time of the processors is only sampled every half minute there."""
    with benchmark.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    try:
        return float(rows[-1]["s"])
    except (IndexError, KeyError, ValueError):
        raise LamoError(f"{benchmark}: expected a column s with a number, as Snakemake writes it; remove it") from None
