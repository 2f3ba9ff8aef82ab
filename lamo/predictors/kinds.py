"""Kinds of predictors: what one is, and where one is found by its name.

A kind of this repository is a folder of this package with a `kind.py` that declares `KIND`; nothing else lists it.
A kind from outside is named by its import path, `package.module:NAME`, or by an entry point of the group
`lamo.predictors`.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from lamo.errors import LamoError
from lamo.lazy import import_named
from lamo.predictors.config import BackboneConfig, GuessConfig, KindConfig
from lamo.predictors.sampler import GuessSampler, Sampler, row_label, split_detail
from lamo.section import Section

if TYPE_CHECKING:  # with torch, which reading a configuration must not wait for
    from lamo.predictors.interface import Geometry, Predictor

GROUP = "lamo.predictors"
"""Of the entry points by which installed packages offer kinds."""


def no_problems(settings: Any, history: int, backbone: BackboneConfig) -> Iterator[str]:
    """Of a kind whose settings never contradict the history or the backbone."""
    yield from ()


@dataclass(frozen=True)
class Kind:
    """A kind of predictors.

    The module that declares it is where the code of its trainings begins: what it imports, also inside functions, is
    what a training depends on. `build` should import the head when it is called: then reading a
    configuration is fast.

    Attributes:
        name: for people.
        predicts: motion tokens, which Midway's forward dynamics turn into states, or latent states.
        config: the settings of an entry of this kind, besides those that all entries have.
        build: makes an untrained predictor of geometry, backbone and settings.
        sampler: reads a sampler's name; None if it does not know it. Raises `LamoError` on a known one used wrongly.
        samplers: the names that it knows, in words.
        validated_by: name of the sampler whose error is measured while a predictor is trained.
        problems: what settings, history and backbone demand of each other: a text "key: found ..., expected ..." each.
    """

    name: str
    predicts: Literal["motion", "state"]
    config: type[KindConfig]
    build: "Callable[[Geometry, BackboneConfig, Any], Predictor]"
    sampler: Callable[[str], Sampler | None]
    samplers: str
    validated_by: str
    problems: Callable[[Any, int, BackboneConfig], Iterator[str]] = no_problems

    @property
    def guesses(self) -> bool:
        """Whether its heads can start from a linear guess."""
        return issubclass(self.config, GuessConfig)

    def check(self, settings: KindConfig, history: int, backbone: BackboneConfig) -> Iterator[str]:
        """What is wrong with settings, history and backbone together, a text each."""
        if self.predicts == "motion" and isinstance(settings, GuessConfig) and settings.guess != "none" and not history:
            yield f"guess: found {settings.guess!r} with a history of 0, where no token is observed; expected 'none'"
        try:
            self.parse(self.validated_by)
        except LamoError as error:
            yield f"kind: its sampler for validations: {error}; correct `validated_by` of kind {self.name}"
        yield from self.problems(settings, history, backbone)

    def parse(self, name: str, entry: str = "") -> Sampler:
        """The sampler of that name, labelled as a row of `entry`; of kinds with a guess it can end in -detailP.

        Raises:
            LamoError: this kind does not know the name, or the sampler draws nothing whose detail could be scaled.
        """
        bare, detail = name, 1.0
        found = self._known(name)
        if found is None and self.guesses:
            bare, detail = split_detail(name)
            found = self._known(bare)
        if found is None:
            more = ", guess or linear; behind one that draws -detailP, P from 0 to 99" if self.guesses else ""
            raise LamoError(f"found {name!r}, expected a sampler of kind {self.name}: {self.samplers}{more}")
        if found.deterministic and detail != 1:
            raise LamoError(f"found {name!r}, expected {bare!r}: it draws nothing whose detail could be scaled")
        return replace(found, name=name, label=row_label(entry, name) if entry else name, detail=detail)

    def _known(self, name: str) -> Sampler | None:
        return (GuessSampler.parse(name) if self.guesses else None) or self.sampler(name)


def built_in_kinds() -> list[str]:
    """Names of the kinds of this repository."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/kind.py"))


def known_kinds() -> list[str]:
    """Names of all kinds that can be named without an import path."""
    return [*built_in_kinds(), *sorted(entry_points(group=GROUP).names)]


def kind_path(kind: str) -> str:
    """Import path `package.module:NAME` of a kind; a kind of this repository goes before an entry point of its name.

    Raises:
        LamoError: no kind has that name.
    """
    if ":" in kind:
        return kind
    if kind in built_in_kinds():
        return f"{__package__}.{kind}.kind:KIND"
    for point in entry_points(group=GROUP, name=kind):
        return point.value
    near = difflib.get_close_matches(kind, known_kinds(), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise LamoError(
        f"found {kind!r}, expected one of {', '.join(known_kinds())} or an import path package.module:NAME{hint}"
    )


def kind_module(kind: str) -> str:
    """Name of the module that declares a kind, which the hash of a training's code begins with."""
    return kind_path(kind).partition(":")[0]


@cache
def find_kind(kind: str) -> Kind:
    """The kind of that name, entry point or import path.

    Raises:
        LamoError: it is not known, cannot be imported, or is no `Kind`.
    """
    path = kind_path(kind)
    try:
        found = import_named(path)
    except LamoError as error:
        raise LamoError(
            f"found {kind!r}, expected an import path package.module:NAME of a Kind; {error}; install the package, or "
            "put the folder that it lies in into PYTHONPATH"
        ) from None
    if not isinstance(found, Kind):
        raise LamoError(f"found {kind!r}, which is of {type(found)}; expected a lamo.predictors.kinds.Kind")
    return found


class PredictorConfig(Section):
    """All that one trained predictor depends on; saved beside its weights as part of config.json."""

    kind: str = Field(description="name, entry point or import path of the kind")
    history: int = Field(ge=0, description="motion tokens in the context, K")
    backbone: BackboneConfig = Field(description="the context transformer")
    settings: SerializeAsAny[KindConfig] = Field(description="the settings of the kind")

    @model_validator(mode="before")
    @classmethod
    def _settings_of_its_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("settings"), dict) and "kind" in values:
            values = {**values, "settings": find_kind(values["kind"]).config.model_validate(values["settings"])}
        return values
