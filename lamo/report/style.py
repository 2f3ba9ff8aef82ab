"""Names and colours that the pictures share."""

from dataclasses import dataclass

from lamo.metrics.config import LEARNED

# Okabe and Ito's palette: told apart with any colour vision
_COLOURS = {
    "truth": "#000000",
    "decoder_ceiling": "#7f7f7f",
    "oracle_motion": "#009e73",
    "flow": "#0072b2",
    "gmm": "#d55e00",
    "state": "#cc79a7",
    "constant_motion": "#e69f00",
    "shuffled_motion": "#8c6d31",
    "persistence_pixels": "#56b4e9",
    "persistence_blurred": "#9fc5e8",
    "persistence_latent": "#b0b0b0",
}
_DASHES = {
    "decoder_ceiling": (1, 1),
    "oracle_motion": (6, 1.5),
    "constant_motion": (5, 2),
    "shuffled_motion": (3, 1.5, 1, 1.5),
    "persistence_pixels": (4, 2),
    "persistence_blurred": (2, 2),
    "persistence_latent": (1, 2),
}
_MARKERS = "os^Dv"


@dataclass(frozen=True)
class LineStyle:
    """How a method is drawn in every figure: controls dashed, samplers of one predictor by marker."""

    colour: str
    dashes: tuple[float, ...]
    marker: str | None
    width: float


def line_style(method: str, position: int = 0) -> LineStyle:
    """Style of a method; `position` counts the samplers of one predictor from 0."""
    if method in LEARNED:
        return LineStyle(_COLOURS[method], (), _MARKERS[position % len(_MARKERS)], 1.8)
    return LineStyle(_COLOURS.get(method, "#444444"), _DASHES.get(method, (2, 1)), None, 1.4)


def readable(label: str) -> str:
    """A row's label as shown to people: "oracle motion", "flow-20"."""
    return label.replace("_", " ")
