"""Base class of every section of the configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen config section; keys that it does not know are refused.

    Each module owns the section that it reads. A field's description states meaning, unit and source; the JSON schema,
    the commented default and the key reference are generated from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
