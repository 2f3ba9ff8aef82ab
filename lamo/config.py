"""The whole configuration: the sections of all modules joined and checked together.

For the Snakefile alone: no script imports this module, so that a script depends only on the sections that it uses.
`make config` regenerates config/config.yaml, config/README.md and workflow/schemas/config.schema.json.
"""

import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from lamo.dataset.config import VideosConfig
from lamo.decoder.config import DecoderConfig
from lamo.earlier_keys import moved_to
from lamo.errors import LamoError
from lamo.metrics.config import EVERY_LEARNED, MetricsConfig, split_comparison
from lamo.metrics.contradictions import metrics_contradictions
from lamo.midway.config import MidwayConfig
from lamo.midway.contradictions import encoder_contradictions, forward_contradictions
from lamo.midway.learning.config import VALIDATED_STEPS
from lamo.midway.network_config import EncoderConfig, InverseConfig
from lamo.model.config import ModelConfig
from lamo.predictors.entries import (
    DEFAULTS,
    Entry,
    PredictorsConfig,
    could_be,
    default_entries,
    entry_model,
    over_defaults,
)
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.control_names import ALL_CONTROLS
from lamo.section import Section
from lamo.stages import RUN_NAME, ShareConfig
from lamo.stores.config import LatentsConfig
from lamo.video.config import FramesConfig
from lamo.world.simulation import WorldConfig

NULLS = ("null", "Null", "NULL", "~")


class Config(Section):
    """One run of the workflow."""

    run: str = Field(
        "demo",
        pattern=RUN_NAME,
        description="name of the run; its results lie in results/<run>",
    )
    share: ShareConfig = Field(ShareConfig(), description="stages that are taken from another run, as ablations do")
    seed: int = Field(0, ge=0, description="seed of the Midway Network and the decoder; sampling has rollouts.seed")
    tracking: Literal["wandb", "trackio"] | None = Field(
        None,
        description="service that shows the curves of trainings, besides the files for TensorBoard that every run has: "
        "Weights & Biases or Trackio, whose package has to be installed; no job runs again when it changes",
    )
    videos: VideosConfig = Field(VideosConfig(), description="where the videos come from")
    world: WorldConfig = Field(WorldConfig(), description="the synthetic driving world, used when videos.root is null")
    frames: FramesConfig = Field(FramesConfig(), description="stage 01: videos to frames")
    midway: MidwayConfig = Field(MidwayConfig(), description="stage 02: the Midway Network")
    latents: LatentsConfig = Field(LatentsConfig(), description="stage 03: latent states and motion tokens")
    decoder: DecoderConfig = Field(DecoderConfig(), description="stage 04: latent states back to pixels")
    predictors: PredictorsConfig = Field(
        PredictorsConfig(), description="stage 05: named predictors of motion tokens or latent states"
    )
    rollouts: RolloutsConfig = Field(RolloutsConfig(), description="stage 06: rollouts and controls")
    metrics: MetricsConfig = Field(MetricsConfig(), description="stage 07: metrics, tables and pictures")
    model: ModelConfig = Field(ModelConfig(), description="stage 08: the trained world model as one folder")


def load_config(raw: Mapping[str, Any]) -> Config:
    """The validated configuration.

    Raises:
        LamoError: one line that names every wrong key, what was found there, what was expected and, for an unknown key,
            the nearest known one; or that names the keys that contradict each other.
    """
    values = _with_default_entries(_nulls(raw))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise LamoError("config: " + "; ".join(_explain(detail, values) for detail in error.errors())) from None
    problems = list(contradictions(config))
    if config.predictors.longest_history < 1:
        problems.append(
            "predictors.history: found 0, expected at least 1: the control constant_motion repeats an observed token"
        )
    if problems:
        raise LamoError("config: " + "; ".join(problems))
    return config


def _nulls(value: Any) -> Any:
    """`--config` hands over every nested value as text; what YAML reads as null there means none."""
    if isinstance(value, Mapping):
        return {key: _nulls(item) for key, item in value.items()}
    return None if value in NULLS else value


def _with_default_entries(raw: dict[str, Any]) -> dict[str, Any]:
    """What a run says of its predictors, laid over the default entries."""
    predictors = raw.get("predictors")
    if isinstance(predictors, dict) and isinstance(predictors.get("entries"), dict):
        predictors = {**predictors, "entries": over_defaults(predictors["entries"])}
        return {**raw, "predictors": predictors}
    return raw


def _explain(detail: ErrorDetails, raw: Mapping[str, Any]) -> str:
    path = [part for part in detail["loc"] if not (isinstance(part, str) and part.startswith(("function-", "tagged-")))]
    key = ".".join(map(str, path)) or "the file"
    if detail["type"] == "extra_forbidden":
        if moved := moved_to(path):
            return f"unknown key {key}; {moved}"
        known = known_keys(path[:-1], raw)
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known keys there: {', '.join(known)}"
        return f"unknown key {key} (found {detail['input']!r}); {hint}"
    if detail["type"] == "missing":
        return f"key {key} is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and isinstance(detail["input"], Mapping):
        return message if message.startswith(f"{key}.") else f"{key}: {message}"
    if message.startswith("Input should be "):
        expected = message.removeprefix("Input should be ")
        return f"{key}: found {detail['input']!r}, expected {expected}{_what_to_do(detail)}"
    return f"{key}: found {detail['input']!r}; {message}"


def _what_to_do(detail: ErrorDetails) -> str:
    if detail["input"] is None:
        return "; give it a value, or leave the key out"
    if detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        return "; put it in quotes, on the command line in two kinds: run='\"2024\"'"
    return ""


def known_keys(path: Sequence[str | int], raw: Mapping[str, Any]) -> list[str]:
    """Keys of the section that `path` leads to; those of an entry are of the kind that `raw` says."""
    model: type[BaseModel] = Config
    if path[:2] == ["predictors", "entries"]:
        kind = raw["predictors"]["entries"][path[2]].get("kind")
        model = entry_model(kind) if isinstance(kind, str) else Entry
        path = path[3:]
    for part in path:
        below = {key: section for key, _, section in fields(model) if section}
        if part not in below:
            return []
        model = below[part]
    return [key for key, _, _ in fields(model)]


def fields(model: type[BaseModel]) -> Iterator[tuple[str, Any, type[BaseModel] | None]]:
    """Key, field and, if the field is a section itself, that section, for all fields of `model`.

    Of the entries of predictors, which are named freely, the section has the default ones.
    """
    for name, field in model.model_fields.items():
        if model is PredictorsConfig and name == "entries":
            yield name, field, default_entries()
            continue
        options: Sequence[Any] = [field.annotation]
        if typing.get_origin(field.annotation) in (typing.Union, types.UnionType):
            options = typing.get_args(field.annotation)
        sections = [kind for kind in options if isinstance(kind, type) and issubclass(kind, BaseModel)]
        yield field.alias or name, field, sections[0] if sections else None


def frames_needed(config: Config) -> Iterator[tuple[int, str]]:
    """Frames that stages 02 to 06 need of a clip, each number with the keys that it follows from."""
    rate = config.frames.rate_hz
    training = config.midway.training
    longest = max(config.rollouts.horizon_steps(rate))
    yield (
        config.predictors.longest_history + 1 + longest,
        "predictors.history (or the longest of an entry) and the longest of rollouts.horizons_s",
    )
    for name, entry in config.predictors.entries.items():
        if entry.end_to_end:
            length = config.predictors.of(name).history + 1 + entry.end_to_end.horizon_steps(rate)
            yield length, f"predictors.entries.{name}.end_to_end.horizon_s"
    if config.midway.checkpoint is None:
        yield max(training.unroll) * training.gaps(rate)[-1] + 1, "midway.training.unroll and midway.training.gap_s"
        yield max(VALIDATED_STEPS) + 1, "the validation of midway.training"


def contradictions(config: Config) -> Iterator[str]:
    """What the sections, each valid on its own, demand of each other."""
    encoder, rate = config.midway.encoder, config.frames.rate_hz
    if config.videos.poses and config.videos.root is None:
        yield f"videos.poses: found {config.videos.poses} where videos.root is null, expected both or neither"
    try:
        needed, keys = max(frames_needed(config))
    except LamoError as error:
        yield str(error)
        return
    least = config.frames.min_frames
    if least < needed:
        yield (
            f"frames.min_frames: found {least}, expected at least {needed}, which {keys} need; set it to {needed} "
            "(all videos are then decoded again) or lower those"
        )
    observed = config.predictors.longest_history + 1
    yield from metrics_contradictions(config.metrics, config.rollouts, observed, rate)
    if config.videos.root is None and round(config.world.seconds * rate) < least:
        yield (
            f"world.seconds: found {config.world.seconds:g} s, which is {round(config.world.seconds * rate)} frames; "
            f"expected at least frames.min_frames, {least}"
        )
    yield from unknown_rows(config)
    bundled = config.model.predictors or ()
    if len(set(bundled)) < len(bundled):
        yield f"model.predictors: found {', '.join(bundled)}, expected each entry once"
    for name in bundled:
        if name not in config.predictors.entries:
            known = ", ".join(config.predictors.entries)
            yield f"model.predictors: found {name!r}, expected one of predictors.entries: {known}"
    if config.midway.checkpoint is None:
        yield from encoder_contradictions(config.midway, config.frames, config.latents)
        yield from forward_contradictions(config.midway)
    widths: tuple[tuple[str, EncoderConfig | InverseConfig | DecoderConfig], ...] = (
        ("midway.encoder", encoder),
        ("midway.inverse", config.midway.inverse),
        ("decoder", config.decoder),
    )
    for key, part in widths:
        if part.width % part.heads or part.width % 4:
            yield f"{key}.width: found {part.width}, expected a multiple of 4 and of {key}.heads {part.heads}"


def unknown_rows(config: Config) -> Iterator[str]:
    """Rows named in comparisons and pictures that neither this run nor the default predictors could have.

    Rows of a default predictor that a run lacks are known: a run that leaves one out need not write the lists anew.
    """
    metrics = config.metrics
    compared = [row for text in metrics.comparisons for row in split_comparison(text) if row != EVERY_LEARNED]
    places = {
        "metrics.comparisons": compared,
        "metrics.sheet.rows": metrics.sheet.rows,
        "metrics.videos.rows": metrics.videos.rows,
    }
    kinds = {name: str(value["kind"]) for name, value in DEFAULTS.items()}
    kinds |= {name: entry.kind for name, entry in config.predictors.entries.items()}
    rows = [*ALL_CONTROLS, *(row.label for row in config.predictors.rows())]
    for place, labels in places.items():
        for label in dict.fromkeys(labels):
            if label not in rows and not any(could_be(label, *entry) for entry in kinds.items()):
                near = difflib.get_close_matches(label, rows, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known rows: {', '.join(rows)}"
                yield f"{place}: found {label!r}, expected a control or a row of a predictor; {hint}"
