"""What the study compares: its file laid over the default configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from lamo.config import Config, load_config
from lamo.decoder.config import DecoderConfig
from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.section import Section
from studies.common import merged, read_yaml


class VariantConfig(Section):
    """One row of the table."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="name, also of its result files")
    about: str = Field(description="what it is, in the table")
    midway: dict[str, Any] = Field({}, description="laid over the study's `midway`")
    model_of: str | None = Field(
        None, description="variant whose trained model it takes; then `midway` may change the recurrence only"
    )


class StudyConfig(Section):
    """studies/recurrence.yaml."""

    datasets: dict[str, str] = Field(min_length=1, description="name -> folder 01_frames of a run")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="training seeds")
    base: str = Field(description="variant that the others are compared with")
    midway: dict[str, Any] = Field({}, description="laid over the default's section midway")
    decoder: dict[str, Any] = Field({}, description="laid over the default's section decoder")
    steps: tuple[int, ...] = Field((1, 3, 8), min_length=1, description="rollout steps that are scored")
    windows_per_clip: int = Field(4, ge=1, description="rollouts per held-out clip at most, spread evenly over it")
    stride: int = Field(5, ge=1, description="distance between the rollouts of a clip; frames")
    batch: int = Field(32, ge=1, description="windows rolled out at once")
    blur_windows: int = Field(300, ge=1, description="training windows on which the blur is fitted, at most")
    resamples: int = Field(1000, ge=1, description="resamples of the clips for the intervals")
    mixed_precision: bool = Field(True, description="bfloat16 in rollouts")
    variants: tuple[VariantConfig, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Variant:
    """A variant with its whole configuration; `trained` is that of the model it takes."""

    name: str
    about: str
    midway: MidwayConfig
    trained: MidwayConfig

    @property
    def trains(self) -> bool:
        """Whether it has a model of its own."""
        return self.midway == self.trained


@dataclass(frozen=True)
class Study:
    """The study, its variants in order, and what is common to all."""

    config: StudyConfig
    variants: tuple[Variant, ...]
    decoder: DecoderConfig
    default: Config


def read_study(path: str | Path, default: str | Path) -> Study:
    """The study in the file `path`, over the configuration file `default`. Raises `LamoError` where they are wrong."""
    base = load_config(read_yaml(default))
    try:
        config = StudyConfig.model_validate(read_yaml(path))
        midway = merged(base.midway.model_dump(mode="json", by_alias=True), config.midway)
        decoder = DecoderConfig.model_validate(merged(base.decoder.model_dump(mode="json"), config.decoder))
        variants: dict[str, Variant] = {}
        for one in config.variants:
            if one.name in variants:
                raise LamoError(f"{path}: two variants are named {one.name}; give each a name of its own")
            variants[one.name] = _variant(one, midway, {v.name: v for v in config.variants}, path)
    except ValidationError as error:
        detail = error.errors()[0]
        raise LamoError(f"{path}: {'.'.join(map(str, detail['loc']))}: {detail['msg']}") from None
    if config.base not in variants:
        raise LamoError(f"{path}: base: found {config.base}, expected one of {', '.join(variants)}")
    return Study(config, tuple(variants.values()), decoder, base)


def _variant(one: VariantConfig, base: dict[str, Any], known: Mapping[str, VariantConfig], path: str | Path) -> Variant:
    if one.model_of is None:
        midway = MidwayConfig.model_validate(merged(base, one.midway))
        return Variant(one.name, one.about, midway, midway)
    owner = known.get(one.model_of)
    if owner is None or owner.model_of is not None:
        raise LamoError(
            f"{path}: {one.name}: model_of: found {one.model_of}, expected a variant with a model of its own"
        )
    if set(one.midway) - {"recurrence"}:
        found = ", ".join(one.midway)
        raise LamoError(
            f"{path}: {one.name}: midway: found {found}, but a model_of {owner.name} allows recurrence only"
        )
    trained = merged(base, owner.midway)
    midway = MidwayConfig.model_validate(merged(trained, one.midway))
    return Variant(one.name, one.about, midway, MidwayConfig.model_validate(trained))
