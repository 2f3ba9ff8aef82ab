"""Names and colours that the pictures share."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from lamo.drawing import full_name
from lamo.metrics.rows import is_learned, readable
from lamo.report.table import ABSENT

# The first three are of Okabe and Ito's palette, which can be told apart with any colour vision; the others were chosen
# to be far from these and from the colours of the controls, as people with and without colour blindness see them.
COLOURS = ("#0072b2", "#d55e00", "#cc79a7", "#330099", "#7a9900", "#6b2d10", "#000000", "#8b0060")
"""Colours of the predictors, in the order in which the configuration names them. They begin again after the last."""

_CONTROL_COLOURS = {
    "ideal_futures": "#117733",
    "decoder_ceiling": "#7f7f7f",
    "oracle_motion": "#009e73",
    "constant_motion": "#e69f00",
    "shuffled_motion": "#8c6d31",
    "persistence_pixels": "#56b4e9",
    "persistence_blurred": "#9fc5e8",
    "persistence_latent": "#b0b0b0",
}
_DASHES = {
    "ideal_futures": (8, 1, 1, 1),
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
    """How a row is drawn in every figure."""

    colour: str
    dashes: tuple[float, ...]
    marker: str | None
    width: float


def line_styles(rows: Sequence[tuple[str, str]]) -> dict[tuple[str, str], LineStyle]:
    """Style of each of `rows`, which are pairs of method and sampler in the table's order.

    Controls are dashed. Learned rows are solid, with a colour for each predictor and a marker for each of its samplers.
    """
    learned = [row for row in rows if is_learned(row[1])]
    predictors = list(dict.fromkeys(method for method, _ in learned))
    styles = {}
    for method, sampler in rows:
        if not is_learned(sampler):
            styles[method, sampler] = control_style(method)
            continue
        number = predictors.index(method)
        position = [other for name, other in learned if name == method].index(sampler)
        # Predictors beyond the last colour share one, so their markers begin elsewhere.
        marker = _MARKERS[(position + number // len(COLOURS)) % len(_MARKERS)]
        styles[method, sampler] = LineStyle(COLOURS[number % len(COLOURS)], (), marker, 1.8)
    return styles


def figure_label(label: str) -> str:
    """A row or a training as the legend of a figure shows it, in which a dollar sign would begin a formula."""
    return full_name(readable(label)).replace("$", r"\$")


def control_style(name: str) -> LineStyle:
    """Style of a control."""
    return LineStyle(_CONTROL_COLOURS.get(name, "#444444"), _DASHES.get(name, (2, 1)), None, 1.4)


def say_absent(axis: Axes) -> None:
    """Write n/a in the middle of a panel without any number."""
    axis.text(0.5, 0.5, ABSENT, transform=axis.transAxes, ha="center", va="center", fontsize=11, color="#666666")
