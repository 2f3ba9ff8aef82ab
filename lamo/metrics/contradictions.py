"""What the metrics demand of other sections of the configuration, checked before a run."""

from collections.abc import Iterator

from lamo.metrics.config import FVD_LEAST_FRAMES, MetricsConfig
from lamo.rollout.config import RolloutsConfig


def metrics_contradictions(
    metrics: MetricsConfig, rollouts: RolloutsConfig, observed: int, rate_hz: float
) -> Iterator[str]:
    """Horizons that are not rolled out, and clips that are too short for FVD; `observed`: frames before a rollout."""
    longest = max(rollouts.horizons_s)
    for horizon in metrics.horizons_s:
        if abs(horizon * rate_hz - round(horizon * rate_hz)) > 1e-6 or not 0 < horizon <= longest:
            yield (
                f"metrics.horizons_s: found {horizon:g} s, expected multiples of {1 / rate_hz:g} s "
                f"(1 / frames.rate_hz) up to {longest:g} s (the longest of rollouts.horizons_s)"
            )
    frames = observed + round(max(metrics.horizons_s) * rate_hz)
    if metrics.fvd.weights is not None and frames < FVD_LEAST_FRAMES:
        yield (
            f"metrics.fvd.weights: found clips of {frames} frames ({observed} observed and {frames - observed} up to "
            f"the last of metrics.horizons_s), expected at least {FVD_LEAST_FRAMES}; score a longer horizon, give "
            "predictors.history more frames, or set metrics.fvd.weights to null"
        )
