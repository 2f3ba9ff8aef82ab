"""Settings of the stores. Apart from the stores, since every start of the workflow reads them and needs no Zarr."""

from pydantic import Field

from lamo.section import Section


class LatentsConfig(Section):
    """Stage 03: what of the pyramid makes up the latent state that decoder and predictors see."""

    levels: tuple[int, ...] = Field(
        (0,), min_length=1, description="pyramid levels joined along channels into the latent state; 0 is the finest"
    )
    batch: int = Field(64, ge=1, description="frames encoded at once")
    mixed_precision: bool = Field(
        True, description="bfloat16 autocast, on devices with units for it; the stores hold float16"
    )
    statistics: str | None = Field(
        None,
        description="statistics.safetensors of another run (03_latents/) to normalise the tokens with, as is needed by "
        "predictors that begin with those of that run; null: those of this run's training clips",
    )
