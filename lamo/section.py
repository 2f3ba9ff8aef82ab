"""Base class of every section of the configuration, and how configurations are laid over each other."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """A frozen config section; keys that it does not know are refused, and values that do not mean what they seem to.

    Each module owns the section that it reads. A field's description states meaning, unit and source; the JSON schema,
    the commented default and the key reference are generated from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_meant(cls, value: Any, field: ValidationInfo) -> Any:
        """Refuse empty texts, and true or false for a number or a text: pydantic would take these for 1 and 0."""
        single = list(_single(value))
        if any(isinstance(one, str) and not one.strip() for one in single):
            raise ValueError("expected no empty text; give it a value, or leave the key out")
        truths = [one for one in single if isinstance(one, bool)]
        if truths and bool not in _types(cls.model_fields[str(field.field_name)].annotation):
            raise ValueError("expected no true or false, which YAML reads yes, no, on and off as; put a text in quotes")
        return value


def _single(value: Any) -> Iterator[Any]:
    """The value, or those in a list of lists. Sections look at their own."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _single(one)
    else:
        yield value


def _types(annotation: Any) -> Iterator[Any]:
    """All types that an annotation names."""
    yield annotation
    for part in typing.get_args(annotation):
        yield from _types(part)


def lay_over(below: Any, above: Mapping[str, Any]) -> Any:
    """`above` laid over `below`, as a new mapping. An empty section changes nothing, not even a null below it."""
    if not above:
        return below
    merged = dict(below) if isinstance(below, Mapping) else {}
    for key, value in above.items():
        merged[key] = lay_over(merged.get(key, {}), value) if isinstance(value, Mapping) else value
    return merged
