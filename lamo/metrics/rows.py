"""Names and order of the table's rows, and the horizons as rollout steps."""

from collections.abc import Sequence

from lamo.errors import LamoError
from lamo.metrics.config import CONTROLS, LEARNED

PIXEL_METRICS = ("psnr", "ssim", "sharpness")
REFERENCE = "persistence_pixels"
"""What skill is measured against."""

_ORDER = ("decoder_ceiling", "oracle_motion", *LEARNED, *CONTROLS[2:])


def row_label(method: str, sampler: str) -> str:
    """The sampler's name for learned methods, the method's for controls."""
    return method if sampler == "-" else sampler


def row_order(method: str, sampler: str) -> tuple[int, str, int]:
    """Sorting key of table rows: ceiling, oracle, learned, then the other controls; flow-5 before flow-20."""
    position = _ORDER.index(method) if method in _ORDER else len(_ORDER)
    name, _, steps = sampler.partition("-")
    return (position, name if steps.isdigit() else sampler, int(steps) if steps.isdigit() else 0)


def horizon_steps(horizons_s: Sequence[float], rate_hz: float, steps: int) -> list[int]:
    """Rollout steps, counted from 1, of horizons in s: round(h * rate). `LamoError` if one is not in 1..`steps`."""
    found = [round(h * rate_hz) for h in horizons_s]
    for horizon, step in zip(horizons_s, found, strict=True):
        if not 1 <= step <= steps or abs(step - horizon * rate_hz) > 1e-3:
            raise LamoError(
                f"metrics.horizons_s: found {horizon:g} s, expected multiples of {1 / rate_hz:g} s up to "
                f"{steps / rate_hz:g} s, the length of the rollouts; change it or the rollouts' steps"
            )
    return found
