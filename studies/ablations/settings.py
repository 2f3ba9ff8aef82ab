"""What is ablated: studies/ablations.yaml laid over the configuration of a finished run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from lamo.config import Config, load_config
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.predictors.config import PredictorName
from lamo.predictors.sampler import Sampler
from lamo.section import Section
from studies.common import merged, read_yaml

STAGES = ("midway", "latents", "decoder")
"""Sections of the stages below the predictors; a variant that changes one of them needs a run of its own."""
COMMON = ("predictors", "rollouts", "metrics")
WITH_CHECKPOINT = ("checkpoint", "checkpoint_heads", "recurrence")
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class VariantConfig(Section):
    """One variant; it has a row for each of its samplers."""

    name: Name = Field(description="name, unique in the study; also of its run, where it needs one")
    about: str = Field(description="what it is, in the table")
    over: dict[str, Any] = Field({}, description="laid over the group's `common`: predictors, midway, latents, decoder")
    samplers: tuple[str, ...] = Field((), description="samplers of this variant; none: those of the group")


class GroupConfig(Section):
    """One thing that is ablated; its first variant is what the others are compared with."""

    name: Name = Field(description="name, also of its place on the page")
    title: str = Field(description="heading on the page")
    about: str = Field(description="what to know for reading its table")
    predictor: PredictorName = Field(description="the predictor that is trained")
    samplers: tuple[str, ...] = Field(min_length=1, description="samplers of its variants")
    against: str | None = Field(
        None, description="sampler of the first variant that all rows are compared with; none: each with its own"
    )
    common: dict[str, Any] = Field({}, description="laid over the run's configuration for all variants of the group")
    variants: tuple[VariantConfig, ...] = Field(min_length=1)


class StudyConfig(Section):
    """studies/ablations.yaml."""

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1, description="seeds of the predictors")
    common: dict[str, Any] = Field({}, description="laid over the run's configuration: predictors, rollouts, metrics")
    groups: tuple[GroupConfig, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Variant:
    """A variant with its whole configuration."""

    name: str
    about: str
    group: str
    predictor: PredictorName
    samplers: tuple[str, ...]
    config: Config


@dataclass(frozen=True)
class Group:
    """A group with its variants, the reference first."""

    name: str
    title: str
    about: str
    variants: tuple[Variant, ...]
    against: str | None = None


@dataclass(frozen=True)
class Study:
    """All groups; `base` is the configuration of the run with what is common to the study laid over it."""

    base: Config
    seeds: tuple[int, ...]
    groups: tuple[Group, ...]

    @property
    def variants(self) -> list[Variant]:
        """Those of all groups, in their order."""
        return [variant for group in self.groups for variant in group.variants]

    @property
    def longest_history(self) -> int:
        """The longest K; all variants predict what follows a context of that length, shorter histories start later."""
        return max(variant.config.predictors.history for variant in self.variants)


def read_study(path: str | Path, run: str, configfile: str | Path | None = None) -> Study:
    """The study in the file `path` over the configuration of `run`, every variant checked.

    `configfile` is what the run was made with; by default config/<run>.yaml, or nothing but config/config.yaml where
    there is no such file. Raises `LamoError` that names the variant and the key where something is wrong.
    """
    try:
        config = StudyConfig.model_validate(read_yaml(path))
    except ValidationError as error:
        detail = error.errors()[0]
        raise LamoError(f"{path}: {'.'.join(map(str, detail['loc']))}: {detail['msg']}") from None
    _sections(config.common, COMMON, f"{path}: common")
    _unique([group.name for group in config.groups], f"{path}: two groups")
    _unique([one.name for group in config.groups for one in group.variants], f"{path}: two variants")
    _unique([str(seed) for seed in config.seeds], f"{path}: seeds: two")
    raw = merged(_run_config(run, configfile), config.common)
    base = load_config(raw)
    if base.predictors.history < 1:
        raise LamoError(f"{path}: common: predictors.history: found 0, expected that of a run, at least 1")
    groups = []
    for group in config.groups:
        variants = tuple(_variant(one, group, raw, base, path) for one in group.variants)
        if group.against and group.against not in variants[0].samplers:
            found = ", ".join(variants[0].samplers)
            raise LamoError(f"{path}: {group.name}: against: found {group.against}, expected one of {found}")
        groups.append(Group(group.name, group.title, group.about, variants, group.against))
    return Study(base, config.seeds, tuple(groups))


def _run_config(run: str, configfile: str | Path | None) -> dict[str, Any]:
    default, own = ROOT / "config" / "config.yaml", ROOT / "config" / f"{run}.yaml"
    file = Path(configfile) if configfile else own if own.exists() else default
    raw = merged(read_yaml(default), read_yaml(file))
    if raw.get("run") != run:
        raise LamoError(
            f"--run: found {run}, but {file} is the configuration of the run {raw.get('run')}; name that of {run} with "
            "--configfile"
        )
    return raw


def _variant(
    one: VariantConfig, group: GroupConfig, raw: dict[str, Any], base: Config, path: str | Path
) -> Variant:  # fmt: skip
    where = f"{path}: {group.name}: {one.name}"
    over = merged(group.common, one.over)
    _sections(over, ("predictors", *STAGES), where)
    try:
        # Not all variants observe a motion token, which constant_motion needs; it is rolled out with the run's history.
        config = load_config(merged(raw, over), controls=False)
        samplers = one.samplers or group.samplers
        for name in samplers:
            owner = Sampler.parse(name).predictor
            if owner != group.predictor:
                raise LamoError(f"samplers: found {name}, of predictor {owner}; expected those of {group.predictor}")
    except LamoError as error:
        raise LamoError(f"{where}: {error}") from None
    _heeded(config, base, where)
    _unique(samplers, f"{where}: samplers: two")
    return Variant(one.name, one.about, group.name, group.predictor, samplers, config)


def _heeded(config: Config, base: Config, where: str) -> None:
    """Refuses changes of the Midway Network that a checkpoint would make meaningless."""
    midway = config.midway
    if midway.checkpoint is None:
        return
    changed = [name for name in type(midway).model_fields if getattr(midway, name) != getattr(base.midway, name)]
    lost = [type(midway).model_fields[name].alias or name for name in changed if name not in WITH_CHECKPOINT]
    if lost:
        raise LamoError(
            f"{where}: midway: found {', '.join(lost)}, but midway.checkpoint is {midway.checkpoint}, with which only "
            f"{', '.join(WITH_CHECKPOINT)} count; set midway.checkpoint to null to train a network"
        )


def _sections(over: dict[str, Any], allowed: Sequence[str], where: str) -> None:
    wrong = [name for name in over if name not in allowed]
    if wrong:
        raise LamoError(f"{where}: found {', '.join(wrong)}, expected sections among {', '.join(allowed)}")


def _unique(names: Sequence[str], what: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise LamoError(f"{what} are named {', '.join(twice)}; give each a name of its own")
