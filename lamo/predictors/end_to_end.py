"""Settings of a training through rollouts, which goes on with a trained predictor; `lamo.rollout.end_to_end` trains."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lamo.errors import LamoError
from lamo.predictors.kinds import find_kind
from lamo.training.config import ValidatedConfig

if TYPE_CHECKING:
    from lamo.predictors.entries import Entry

FORWARD = "midway"
"""Folder, beside the files of a predictor, of the Midway Network whose f_fwd was trained together with it."""

BESIDE = {"kind", "samplers", "end_to_end"}
"""The keys of an entry that goes on with another one's predictor."""


def as_text(value: Any) -> Any:
    """A name of a sampler as text: YAML reads one like 20 as a number."""
    return str(value) if type(value) is int else value


class EndToEndConfig(ValidatedConfig):
    """Training of a trained predictor together with the forward dynamics, through rollouts."""

    of: str = Field("flow", description="name of the entry whose trained predictor is gone on with")
    sampler: Annotated[str, BeforeValidator(as_text)] = Field(
        "4", description="how futures are sampled in training, by a name that could stand in samplers; must draw"
    )
    horizon_s: float = Field(1.6, gt=0, description="length of the rollouts; s; a multiple of 1 / frames.rate_hz")
    trained: Literal["both", "dynamics", "predictor"] = Field(
        "both", description="what is trained; the rest stays as it is"
    )
    steps: int = Field(100, ge=1, description="optimiser steps")
    batch: int = Field(4, ge=1, description="windows per step, of which two futures each are rolled out")
    learning_rate: float = Field(3e-4, gt=0, description="peak learning rate of AdamW")
    warmup_steps: int = Field(10, ge=0, description="steps in which the learning rate rises linearly to its peak")
    validate_every: int = Field(50, ge=0, description="steps between two validations; 0: only at the end")

    def horizon_steps(self, rate_hz: float) -> int:
        """Steps of a rollout. Raises `LamoError` if the horizon is not a whole number of steps."""
        steps = round(self.horizon_s * rate_hz)
        if steps < 1 or abs(steps - self.horizon_s * rate_hz) > 1e-6:
            raise LamoError(
                f"end_to_end.horizon_s: found {self.horizon_s:g} s, expected a multiple of {1 / rate_hz:g} s "
                "(1 / frames.rate_hz)"
            )
        return steps


def end_to_end_problems(entry: "Entry", training: EndToEndConfig, entries: Mapping[str, "Entry"]) -> Iterator[str]:
    """What is wrong with an entry that goes on with the predictor of another one of `entries`, a text each."""
    kind = find_kind(entry.kind)
    begun = entries.get(training.of)
    if begun is None or begun.end_to_end or begun.kind != entry.kind:
        plain = [name for name, one in entries.items() if one.kind == entry.kind and not one.end_to_end]
        known = ", ".join(plain) or "none is there"
        yield f"end_to_end.of: found {training.of!r}, expected a trained entry of kind {entry.kind}: {known}"
    elif kind.predicts != "motion":
        yield f"end_to_end: found it with kind {entry.kind}, expected a kind that predicts motion"
    elif others := entry.model_fields_set - BESIDE:
        yield f"end_to_end: found {', '.join(sorted(others))} beside it, expected these keys in entry {training.of}"
    else:
        try:
            if kind.parse(training.sampler).deterministic:
                yield f"end_to_end.sampler: found {training.sampler!r}, expected one that leaves something to chance"
        except LamoError as error:
            yield f"end_to_end.sampler: {error}"
