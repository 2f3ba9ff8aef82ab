"""What a Midway Network is built from: its form and its sizes. A saved network holds exactly these settings."""

from pydantic import Field

from lamo.midway.form import FORMS, Form, FormName
from lamo.section import Section


class EncoderConfig(Section):
    """Vision transformer with a pyramid of levels."""

    patch: int = Field(4, ge=1, description="side of a square patch [pixels]; published: 16")
    width: int = Field(96, ge=8, description="token width D; published ViT-S: 384")
    depth: int = Field(4, ge=1, description="transformer blocks; published: 12")
    heads: int = Field(3, ge=1, description="attention heads; published ViT-S: 6")
    levels: tuple[int, ...] = Field(
        (0, 3),
        min_length=2,
        description="blocks (from 0) after which a pyramid level is taken, finest first; motion levels are one fewer; "
        "published: 2, 5, 8, 11",
    )
    mlp_ratio: float = Field(4.0, gt=0, description="hidden over token width of the MLPs; published: 4")
    drop_path: float = Field(0.0, ge=0, lt=1, description="stochastic depth of the student; published: 0.1")


class InverseConfig(Section):
    """Inverse dynamics: motion tokens from two latent states."""

    tokens: int = Field(
        30, ge=1, description="motion tokens per level M; paper: 10 at each of 3 levels, here as many at one level"
    )
    width: int = Field(48, ge=8, description="motion-token width D_m; published: 192")
    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(3, ge=1, description="attention heads; published: 3")


class ForwardConfig(Section):
    """Forward dynamics: the next latent state from a state and motion tokens."""

    depth: int = Field(2, ge=1, description="blocks per level; published: 4")
    heads: int = Field(4, ge=1, description="attention heads, in the compact form also filter banks; published: 6")
    lateral_heads: int = Field(3, ge=1, description="published form: attention heads of the laterals; published: 6")


class NetworkConfig(Section):
    """Form and sizes of a network."""

    form: FormName = Field(
        "compact",
        description="compact: finds its motion tokens in a short training, encoder pre-trained as an autoencoder; "
        "published: network and losses of the published checkpoints, encoder trained along with DINO",
    )
    encoder: EncoderConfig = EncoderConfig()
    inverse: InverseConfig = InverseConfig()
    forward_: ForwardConfig = Field(ForwardConfig(), alias="forward")

    def made_of(self) -> Form:
        """What the form stands for."""
        return FORMS[self.form]
