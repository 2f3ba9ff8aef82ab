"""The section `midway` of the configuration."""

from pydantic import Field

from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.network_config import NetworkConfig


class MidwayConfig(NetworkConfig):
    """The latent dynamics model (stage 02)."""

    checkpoint: str | None = Field(
        None,
        description="model to import instead of training one: a published checkpoint, or a folder of this project with "
        "model.safetensors and config.json; of the other keys then only `checkpoint_heads` counts",
    )
    checkpoint_heads: int | None = Field(
        None,
        ge=1,
        description="attention heads of the encoder in `checkpoint`; needed only for a published checkpoint that names "
        "an unknown architecture",
    )
    training: MidwayTrainingConfig = MidwayTrainingConfig()
