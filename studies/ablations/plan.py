"""Which jobs the study consists of, and which of their results make up which row of which table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lamo.jobs.code_hash import code_hash, predictor_modules
from lamo.stores.atomic import read_json
from studies.ablations import work
from studies.ablations.settings import Group, Study, Variant
from studies.ablations.table import Row
from studies.ablations.work import CONTROLS, Evaluation, Job
from studies.ablations.worlds import Stages, open_run, stages_of

CONSTANT = "constant_motion"


@dataclass(frozen=True)
class Plan:
    """The study on a run.

    Attributes:
        study: what is ablated.
        groups: those that were asked for.
        evaluation: what all are measured on.
        folder: where results go.
        trainings: jobs of each variant by its name, one for each seed.
        controls: job of the controls beside each variant, by its name.
    """

    study: Study
    groups: tuple[Group, ...]
    evaluation: Evaluation
    folder: Path
    trainings: dict[str, list[Job]]
    controls: dict[str, Job]

    @property
    def jobs(self) -> list[Job]:
        """All that is to be computed; what is asked for several times, once, with all samplers."""
        found: dict[str, Job] = {}
        for group in self.groups:
            for variant in group.variants:
                for job in [self.controls[variant.name], *self.trainings[variant.name]]:
                    same = found.get(job.key, job)
                    found[job.key] = replace(same, rows=tuple(dict.fromkeys([*same.rows, *job.rows])))
        return list(found.values())

    def rows(self, group: Group) -> tuple[list[Row], list[str]]:
        """The finished rows of a group, the variants and then the controls, and the labels of those that are not."""
        rows: list[Row] = []
        missing = []
        first = group.variants[0]
        references = {sampler: self._row(first, sampler) for sampler in first.samplers}
        for variant in group.variants:
            for sampler in variant.samplers:
                row = self._row(variant, sampler)
                if row is None:
                    missing.append(f"{variant.name} {sampler}")
                    continue
                other = group.against or (sampler if sampler in references else first.samplers[0])
                if (variant, sampler) != (first, other):
                    row = replace(row, reference=references[other])
                rows.append(row)
        return rows + list(self._control_rows(group)), missing

    def _row(self, variant: Variant, sampler: str) -> Row | None:
        files = [job.file(sampler) for job in self.trainings[variant.name]]
        if not all(file.exists() for file in files):
            return None
        results = [read_json(file) for file in files]
        return Row(variant.name, variant.about, sampler, results, constant=self._control(variant.name, CONSTANT))

    def _control_rows(self, group: Group) -> Iterator[Row]:
        """Those of the first variant, and of each other that stands on other stages."""
        seen = set()
        for variant in group.variants:
            key = self.controls[variant.name].key
            if key not in seen:
                seen.add(key)
                found = (self._control(variant.name, name) for name in CONTROLS)
                yield from (row for row in found if row)

    def _control(self, variant: str, name: str) -> Row | None:
        file = self.controls[variant].file(name)
        return Row(variant, "control", name, [read_json(file)]) if file.exists() else None


def make_plan(study: Study, names: Sequence[str], results: Path) -> Plan:
    """The groups `names` of the study on the run in `results`. Raises `LamoError` if that is not finished."""
    run = open_run(study, results)
    stages = stages_of(study, run)
    evaluation = _evaluation(study, run.stages)
    folder = results / "studies" / "ablations" / study.base.run
    trainings: dict[str, list[Job]] = {}
    controls: dict[str, Job] = {}
    for one in study.variants:
        label, history = f"controls of {stages[one.name].folder.name}", study.base.predictors.history
        control = Job(label, stages[one.name], evaluation, CONTROLS, folder, _code(), history)
        history, predictor = one.config.predictors.history, one.config.predictors.of(one.predictor)
        training = replace(control, rows=one.samplers, history=history, predictor=predictor, code=_code(one.predictor))
        trainings[one.name] = [
            replace(training, label=f"{one.group} {one.name}, seed {seed}", seed=seed) for seed in study.seeds
        ]
        controls[one.name] = control
    chosen = tuple(group for group in study.groups if group.name in names)
    return Plan(study, chosen, evaluation, folder, trainings, controls)


def _code(predictor: str | None = None) -> str:
    """Hash of the code of a job: what work.py imports, and the predictor that it loads by name."""
    return code_hash(work.__file__, predictor_modules(predictor) if predictor else ())


def _evaluation(study: Study, stages: Stages) -> Evaluation:
    config, rate = study.base.rollouts, study.base.frames.rate_hz
    return Evaluation(
        stages.folder, study.longest_history, config.horizon_steps(rate), config.stride_steps(rate),
        config.windows_per_clip, config.samples, config.seed, config.batch, config.mixed_precision, config.blur_sigmas,
        config.blur_windows,
    )  # fmt: skip
