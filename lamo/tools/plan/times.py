"""How long the jobs of every rule take: from earlier runs on this machine, else from rates measured on it."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lamo.tools.dry_run import Job
from lamo.tools.plan.earlier import EarlierRun
from lamo.tools.plan.pieces import Piece
from lamo.tools.plan.rates import Rates
from lamo.tools.plan.work import Work, Workload

# Kinds of data work that a job divides among its cores, as it does the work of models; other kinds take one core.
DIVIDED = {"frames rendered", "frames scored", "frames seen"}
# Jobs that took less than so many times their start say nothing of jobs with more than twice their work.
STARTS = 5


@dataclass(frozen=True)
class RuleTime:
    """The jobs of one rule.

    Attributes:
        stage: folder of the stage.
        rule: its name.
        jobs: how many there are.
        threads: cores that a job gets on this machine.
        seconds: of all jobs one after another on this machine.
        beside_s: core-seconds of what a GPU does not do.
        operations: floating-point operations of the models; 0 where a job asks for no GPU.
        source: where `seconds` come from, in words.
    """

    stage: str
    rule: str
    jobs: int
    threads: int
    seconds: float
    beside_s: float
    operations: float
    source: str

    @property
    def core_s(self) -> float:
        """Core-seconds of this machine that the jobs occupy."""
        return self.seconds * self.threads


class Clock:
    """Tells the time of the jobs of a run."""

    def __init__(self, workload: Workload, runs: Sequence[EarlierRun], rates: Rates, matmul: float, cores: int) -> None:
        self.workload = workload
        self.runs = runs
        self.rates = rates
        self.matmul = matmul
        self.cores = cores
        self._timed: dict[Piece, tuple[float, bool]] = {}

    def rules(self, jobs: Sequence[Job]) -> list[RuleTime]:
        """Every rule, in the order of the stages."""
        groups: dict[tuple[str, str], list[Job]] = defaultdict(list)
        for job in jobs:
            groups[_stage(job), job.rule].append(job)
        return [self._rule(stage, rule, groups[stage, rule]) for stage, rule in sorted(groups)]

    def _rule(self, stage: str, rule: str, jobs: list[Job]) -> RuleTime:
        works = [self.workload.of(rule, job.wildcards) for job in jobs]
        threads = min(jobs[0].threads, self.cores)
        on_gpu = bool(jobs[0].resources.get("gpu"))
        beside = sum(self.rates.start + self.rates.seconds(dict(work.data)) for work in works)
        found = self._measured(rule, works)
        if found:
            seconds, source = found
        else:
            models, timed = self._models(works)
            divided = sum(self.rates.seconds({k: v for k, v in work.data.items() if k in DIVIDED}) for work in works)
            seconds = beside - divided + (divided + models) / threads
            source = "estimated" if timed else "estimated, models not timed"
        operations = sum(work.operations for work in works) if on_gpu else 0.0
        beside = beside if operations else seconds * threads
        return RuleTime(stage, rule, len(jobs), threads, seconds, beside, operations, source)

    def _measured(self, rule: str, works: list[Work]) -> tuple[float, str] | None:
        """Seconds from the earlier run whose jobs are most like these, and what was done to them."""
        amount = sum(work.amount[0] for work in works)
        unit = works[0].amount[1]
        best: tuple[float, EarlierRun, float, float, int] | None = None
        for run in self.runs:
            seconds, done, count = run.measured(rule)
            if not count or done <= 0:
                continue
            each = (amount / len(works)) / (done / count)
            if each > 2 and seconds / count < STARTS * self.rates.start:
                continue
            if best is None or abs(math.log(each)) < best[0]:
                best = abs(math.log(each)), run, seconds, done, count
        if best is None:
            return None
        _, run, seconds, done, count = best
        # The start of a job does not grow with its work.
        start = min(self.rates.start, seconds / count)
        scale = amount / done
        total = len(works) * start + (seconds - count * start) * scale
        same = abs(scale - 1) < 0.005
        return total, f"run {run.name}" if same else f"run {run.name}, {unit} x {scale:.3g}"

    def _models(self, works: list[Work]) -> tuple[float, bool]:
        """Core-seconds of the models, and whether all of their pieces were timed."""
        total = 0.0
        all_timed = True
        for work in works:
            for piece, times in work.models.items():
                if piece not in self._timed:
                    self._timed[piece] = piece.seconds(self.matmul)
                each, timed = self._timed[piece]
                total += times * each
                all_timed = all_timed and timed
        return total, all_timed


def _stage(job: Job) -> str:
    """Folder of the stage that a job belongs to, e.g. 03_latents: that of its log."""
    return job.log.split("/")[-2] if job.log else ""
