"""The predictors of a run: any number of named entries, each of a kind.

Only the configuration as a whole imports this module: a job is given the settings of its own entry, resolved.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, SerializeAsAny, create_model, model_validator

from lamo.errors import LamoError
from lamo.predictors.config import BackboneChange, BackboneConfig, KindConfig, PredictorTraining, TrainingChange
from lamo.predictors.end_to_end import EndToEndConfig, as_text, end_to_end_problems
from lamo.predictors.kinds import GROUP, PredictorConfig, find_kind
from lamo.predictors.sampler import GuessSampler, row_label, sampler_name
from lamo.section import Section, lay_over

NAME = re.compile("[a-z][a-z0-9-]*")
# Of rows: they name files, and Snakemake finds them in paths (workflow/rules/common.smk).
LABEL = re.compile("[a-z0-9-]+")
RESERVED = ("controls", "learned")
"""Names that mean something else: the folder of the controls, and all learned rows in comparisons."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "flow": {"kind": "flow", "samplers": ["4", "50"], "training": {"steps": 700}},
    "gmm": {"kind": "gmm", "samplers": ["sample", "mean", "linear"], "training": {"steps": 500}},
    "state": {"kind": "state", "samplers": ["4", "linear"], "training": {"steps": 400, "batch": 16}},
}
"""The entries of a run that says nothing; what a run says of an entry is laid over that of the same name."""


class Entry(Section):
    """One predictor of a run; the keys below `samplers` are those of its kind."""

    kind: str = Field(
        description=f"name of a folder of lamo/predictors with a kind.py, an entry point of the group {GROUP} of an "
        "installed package, or an import path package.module:NAME"
    )
    history: int | None = Field(None, ge=0, le=64, description="motion tokens in the context; null: predictors.history")
    backbone: BackboneChange | None = Field(
        None, description="what of predictors.backbone differs: depth, width, heads; null: nothing"
    )
    training: TrainingChange | None = Field(
        None, description="what of predictors.training differs, any of its keys; null: nothing"
    )
    end_to_end: EndToEndConfig | None = Field(
        None,
        description="go on with the trained predictor of another entry, together with the Midway Network's forward "
        "dynamics; beside it stand only kind and samplers; null: train a predictor",
    )
    samplers: tuple[Annotated[str, BeforeValidator(as_text)], ...] = Field(
        min_length=1,
        description="ways to sample it, each a row of the table. Flows: N or N-heun (N integration steps); mixtures: "
        "sample, mean; with a linear guess also guess (the guess alone) and linear (the guess and its residual's "
        "Gaussian). Behind one that draws, if the guess is whitened, -detailP: what it draws in the directions of "
        "detail is scaled to P percent, 0 to 99",
    )


@cache
def entry_model(kind: str) -> type[Entry]:
    """The keys of an entry of that kind: those of all entries and the kind's own.

    Raises:
        LamoError: the kind is not known, or a setting of it has the name of a key of all entries.
    """
    found = find_kind(kind)
    own = {key for model in found.config.__mro__ if model not in KindConfig.__mro__ for key in get_annotations(model)}
    if taken := Entry.model_fields.keys() & own:
        raise LamoError(f"kind {kind}: found settings named {', '.join(sorted(taken))}, which every entry has")
    # The class on the right comes first in the order of the keys.
    bases: Any = (found.config, Entry)
    # The kind's settings have the training as a whole, an entry only what differs.
    training: Any = (TrainingChange | None, Entry.model_fields["training"])
    return create_model(
        f"{found.config.__name__}Entry", __base__=bases, __doc__=found.config.__doc__, training=training
    )


def _read_entry(value: Any) -> Any:
    """An entry as one of its kind; what is wrong with it is said by the validation that follows."""
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        return value
    try:
        model = entry_model(value["kind"])
    except LamoError as error:
        raise ValueError(f"kind: {error}") from None
    return model.model_validate(value)


def default_entries() -> type[Section]:
    """A section with the default entries as its keys, for what is written about all keys."""
    models = {name: entry_model(value["kind"]) for name, value in DEFAULTS.items()}
    keys: dict[str, Any] = {name: (model, model.model_validate(DEFAULTS[name])) for name, model in models.items()}
    return create_model("DefaultEntries", __base__=Section, **keys)


class Row(NamedTuple):
    """A row that a run makes of a sampler: entry, bare name of the sampler, label of the row."""

    entry: str
    sampler: str
    label: str


class PredictorsConfig(Section):
    """All predictors of a run."""

    history: int = Field(
        3,
        ge=0,
        le=64,
        description="motion tokens in the context, K, of entries without a history of their own; K + 1 frames are "
        "observed. Rollouts begin after the longest history of a run, so that all rows predict the same frames; "
        "paper: 3",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="training seeds; every predictor is trained once per seed"
    )
    backbone: BackboneConfig = Field(
        BackboneConfig(), description="context transformer of all predictors, so that their capacity is matched"
    )
    training: PredictorTraining = Field(
        PredictorTraining(),
        description="training of all predictors; entries can differ in it, as the default ones do in steps and batch",
    )
    entries: dict[str, Annotated[SerializeAsAny[Entry], BeforeValidator(_read_entry)]] = Field(
        {name: entry_model(value["kind"]).model_validate(value) for name, value in DEFAULTS.items()},
        description="the predictors by name, any number of each kind; null leaves one out. The name stands in files, "
        "tables and comparisons, a row being NAME-SAMPLER, or NAME for the sampler `sample`",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "PredictorsConfig":
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        if len(set(self.seeds)) != len(self.seeds):
            yield f"predictors.seeds: found {list(self.seeds)}, expected each seed once"
        if not self.entries:
            yield "predictors.entries: found none, expected at least one predictor"
        for name, entry in self.entries.items():
            place = f"predictors.entries.{name}"
            if not NAME.fullmatch(name) or name in RESERVED:
                yield (
                    f"{place}: found the name {name!r}, expected small letters, digits and hyphens that begin with a "
                    f"letter, and none of {', '.join(RESERVED)}"
                )
            yield from (f"{place}.{problem}" for problem in self._problems_of(name, entry))
        labels: dict[str, str] = {}
        for row in self.rows():
            if row.label in labels:
                yield (
                    f"predictors.entries.{row.entry}.samplers: found {row.sampler!r}, whose row {row.label} is there "
                    f"already by entry {labels[row.label]}; expected a label once, so rename an entry or drop a sampler"
                )
            labels.setdefault(row.label, row.entry)

    def _problems_of(self, name: str, entry: Entry) -> Iterator[str]:
        kind = find_kind(entry.kind)
        if entry.end_to_end and (problems := list(end_to_end_problems(entry, entry.end_to_end, self.entries))):
            yield from problems
            return
        try:
            config = self.of(name)
        except ValueError as error:
            yield f"backbone: {_first_message(error)}"
            return
        yield from kind.check(config.settings, config.history, config.backbone)
        for sampler in entry.samplers:
            bare = sampler.removeprefix(f"{name}-")
            try:
                found = kind.parse(sampler)
            except LamoError as error:
                known = bare != sampler and _knows(entry.kind, bare)
                hint = f"; write {bare}, the entry's name is put before it" if known else ""
                yield f"samplers: {error}{hint}"
                continue
            if not LABEL.fullmatch(row_label(name, sampler)):
                yield f"samplers: found {sampler!r}, expected small letters, digits and hyphens: it names files"
            guess = getattr(config.settings, "guess", "none")
            if isinstance(found, GuessSampler) and guess == "none":
                yield (
                    f"samplers: found {sampler!r} with guess 'none'; expected guess: linear or whitened, or no such "
                    "sampler"
                )
            if found.detail != 1 and guess != "whitened":
                yield f"samplers: found {sampler!r} with guess {guess!r}, expected guess: whitened, or no such sampler"

    def of(self, name: str) -> PredictorConfig:
        """The part that the predictor of entry `name` depends on, so that another entry's change retrains only that."""
        entry = self.entries[name]
        if entry.end_to_end:
            return self.of(entry.end_to_end.of)
        config = find_kind(entry.kind).config
        own = {key: getattr(entry, key) for key in config.model_fields}
        other = entry.training.model_dump() if entry.training else {}
        own["training"] = PredictorTraining.model_validate({**self.training.model_dump(), **other})
        settings = config.model_construct(**own)
        changes = entry.backbone.model_dump(exclude_none=True) if entry.backbone else {}
        backbone = BackboneConfig.model_validate({**self.backbone.model_dump(), **changes})
        history = self.history if entry.history is None else entry.history
        return PredictorConfig(kind=entry.kind, history=history, backbone=backbone, settings=settings)

    @property
    def longest_history(self) -> int:
        """History that the windows of all rollouts begin with."""
        return max([self.history, *(entry.history or 0 for entry in self.entries.values())])

    def rows(self) -> list[Row]:
        """The rows of all entries, in their order."""
        return [
            Row(name, sampler, row_label(name, sampler))
            for name, entry in self.entries.items()
            for sampler in entry.samplers
        ]


def over_defaults(entries: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says of its entries, laid over the default ones key by key; an entry that is null is left out."""
    return {name: value for name, value in lay_over(DEFAULTS, entries).items() if value is not None}


def _knows(kind: str, sampler: str) -> bool:
    try:
        find_kind(kind).parse(sampler)
    except LamoError:
        return False
    return True


def could_be(label: str, entry: str, kind: str) -> bool:
    """Whether `label` would be the row of a sampler of an entry of that kind."""
    return (label == entry or label.startswith(f"{entry}-")) and _knows(kind, sampler_name(entry, label))


def _first_message(error: ValueError) -> str:
    """The text of the first finding of pydantic, without its frame."""
    found: list[Any] = getattr(error, "errors", list)()
    return str(found[0]["msg"]).removeprefix("Value error, ") if found else str(error)
