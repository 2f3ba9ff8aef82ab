"""The two forms of the Midway Network: what each is made of, and why.

*published*: the network and the losses of the published checkpoints, which it can hold. `tests/midway/test_golden.py`
compares it with their numbers, tensor by tensor.

*compact*: the default. It finds out what motion tokens are for within about a thousand steps, where the published form
needs many more (docs/motion.md). What each of its parts contributes was measured once (docs/recurrence.md).

Both have in common what published weights rely on. Below the top level the incoming motion tokens count twice. The
inverse model sees the raw prediction of the level above. The loss counts the class token and aims at the plain feature
of the teacher. Outside the encoder queries, keys and values have no bias, and the LayerNorms have an epsilon of 1e-5.
"""

from dataclasses import dataclass
from typing import Literal

FormName = Literal["compact", "published"]


@dataclass(frozen=True)
class Form:
    """What a network and its training are made of.

    Inverse dynamics:
        pairing: source and target patches are tokens of one sequence ("tokens"), or are added patch by patch
            ("channels"), which makes the sequence half as long.
        correlation_radius: radius, in patches, of the correlation volume of the two frames' features; 0: none.
        regions: each motion token is tied to a region of the image, by a bias on what it attends to and on what the
            patches read of it.
        position: a learned table of positions, or one fixed sine-cosine code for both frames, which needs no training.
        normalise_tokens: LayerNorm on the motion tokens, so that the forward model reads them at one scale.
    Forward dynamics:
        forward: motion tokens stand before the patches in self-attention ("prefix"), or patches read them by
            cross-attention and are gated and filtered over their neighbourhood by what they read ("filter").
        filter_radius: radius of that neighbourhood, in patches; 0 without a filter.
        gate_bias: added before the sigmoid of the gates. At 4 a short training hardly moves them.
        laterals: each level is refined by cross-attention to the refined level above. Without, levels advance
            independently, and only those that are needed have to be unrolled.
    Encoder:
        pretrained: it is first trained as an autoencoder and then stays frozen, so that targets do not move and a step
            takes half the time. Otherwise it trains with the dynamics, and the DINO loss keeps it from collapsing.
    Losses:
        distance: "cosine" is 2 - 2 cos(prediction, target), which leaves the scale of predictions open; "squared" is
            the squared error of standardised features, which is 0 only where the projection of a step is right.
        change_weight: share of a token's weight that follows how much the token changes. At 0 the many tokens that
            hardly change outweigh those that move.
        pixel_weight: weight of the squared error, over their variance, of pixels read from the finest level.
        contrast_weight: weight of the difference in local contrast of these pixels; without it rollouts fade.
        contrast_from: share of the steps after which contrast counts; earlier it hinders finding the motion.
        contrast_window: side, in pixels, of the squares that local contrast is taken in.
    """

    name: FormName
    pairing: Literal["tokens", "channels"]
    correlation_radius: int
    regions: bool
    position: Literal["learned", "sincos"]
    normalise_tokens: bool
    forward: Literal["prefix", "filter"]
    filter_radius: int
    gate_bias: float
    laterals: bool
    pretrained: bool
    distance: Literal["cosine", "squared"]
    change_weight: float
    pixel_weight: float
    contrast_weight: float
    contrast_from: float
    contrast_window: int


PUBLISHED = Form(
    name="published",
    pairing="tokens",
    correlation_radius=0,
    regions=False,
    position="learned",
    normalise_tokens=False,
    forward="prefix",
    filter_radius=0,
    gate_bias=4.0,
    laterals=True,
    pretrained=False,
    distance="cosine",
    change_weight=0.0,
    pixel_weight=0.0,
    contrast_weight=0.0,
    contrast_from=1.0,
    contrast_window=6,
)
COMPACT = Form(
    name="compact",
    pairing="channels",
    correlation_radius=2,
    regions=True,
    position="sincos",
    normalise_tokens=True,
    forward="filter",
    filter_radius=2,
    gate_bias=1.0,
    laterals=False,
    pretrained=True,
    distance="squared",
    change_weight=0.8,
    pixel_weight=1.0,
    contrast_weight=3.0,
    contrast_from=0.75,
    contrast_window=6,
)
FORMS: dict[FormName, Form] = {"compact": COMPACT, "published": PUBLISHED}
