"""Base class of every section of the configuration, and how configurations are laid over each other."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen config section; keys that it does not know are refused.

    Each module owns the section that it reads. A field's description states meaning, unit and source; the JSON schema,
    the commented default and the key reference are generated from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def lay_over(below: Any, above: Mapping[str, Any]) -> Any:
    """`above` laid over `below`, as a new mapping. An empty section changes nothing, not even a null below it."""
    if not above:
        return below
    merged = dict(below) if isinstance(below, Mapping) else {}
    for key, value in above.items():
        merged[key] = lay_over(merged.get(key, {}), value) if isinstance(value, Mapping) else value
    return merged
