"""Names and order of the table's rows, names of distances, and the horizons as rollout steps.

A row is named by a pair: method and sampler. A learned row has the name of its predictor and the label of its sampler;
a control has its own name, and "-" in the place of a sampler.
"""

from collections.abc import Iterable, Sequence

from lamo.errors import LamoError
from lamo.rollout.control_names import ALL_CONTROLS, CEILINGS

NO_SAMPLER = "-"
REFERENCE = "persistence_pixels"
"""What skill is measured against."""
NAMED_FRECHET = {"fid": "inception", "fvd": "i3d"}
"""Frechet distances with a name of their own, and the features of each; all others are called fd_<features>."""


def is_learned(sampler: str) -> bool:
    """Whether a row is that of a trained predictor and not of a control."""
    return sampler != NO_SAMPLER


def row_label(method: str, sampler: str) -> str:
    """The sampler's label for learned rows, the method's name for controls."""
    return sampler if is_learned(sampler) else method


def rows_in_order(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Method and sampler of each row once, in the table's order.

    That is: ideal futures, decoder ceiling, oracle, the learned rows in the order in which they are given, then the
    other controls.
    """
    found = list(dict.fromkeys(rows))
    controls = [row for row in found if not is_learned(row[1])]
    controls.sort(key=lambda row: ALL_CONTROLS.index(row[0]) if row[0] in ALL_CONTROLS else len(ALL_CONTROLS))
    ceilings = [row for row in controls if row[0] in CEILINGS]
    learned = [row for row in found if is_learned(row[1])]
    return ceilings + learned + controls[len(ceilings) :]


def distance_names(frechet: str) -> tuple[str, str]:
    """Names of the distances on the features of an extractor: Frechet, kernel.

    `frechet` is the extractor's `metric`: a name of `NAMED_FRECHET`, else `fd_<features>`.
    """
    return frechet, f"kid_{NAMED_FRECHET.get(frechet, frechet.removeprefix('fd_'))}"


def frechet_of(kernel: str) -> str:
    """The name of the Frechet distance on the features of a kernel distance `kid_<features>`."""
    features = kernel.removeprefix("kid_")
    return next((name for name, own in NAMED_FRECHET.items() if own == features), f"fd_{features}")


def horizon_steps(horizons_s: Sequence[float], rate_hz: float, steps: int) -> list[int]:
    """Rollout steps, counted from 1, of horizons in s: round(h * rate), each once and ascending.

    Raises:
        LamoError: one is not in 1..`steps`.
    """
    found = [round(h * rate_hz) for h in horizons_s]
    for horizon, step in zip(horizons_s, found, strict=True):
        if not 1 <= step <= steps or abs(step - horizon * rate_hz) > 1e-3:
            raise LamoError(
                f"metrics.horizons_s: found {horizon:g} s, expected multiples of {1 / rate_hz:g} s up to "
                f"{steps / rate_hz:g} s, the length of the rollouts; change it or the rollouts' steps"
            )
    return sorted(set(found))


def readable(label: str) -> str:
    """A row's label as shown to people: "oracle motion", "flow-20"."""
    return label.replace("_", " ")
