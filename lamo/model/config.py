"""Settings of the folder of a trained world model."""

from pydantic import Field

from lamo.section import Section


class ModelConfig(Section):
    """The trained world model as one folder."""

    predictors: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="entries that go into the folder, the first motion predictor among them is used by default; null: "
        "all of predictors.entries",
    )
    half_precision: bool = Field(
        False,
        description="weights as float16: half the bytes; a pixel changes by less than one of 255 levels on average",
    )
