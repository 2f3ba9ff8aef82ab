"""Metrics, as numbers: what they are, how they are computed, and comparisons of rows by them."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "METRICS": "lamo.metrics.catalogue",
    "Metric": "lamo.metrics.catalogue",
}

if TYPE_CHECKING:
    from lamo.metrics.catalogue import METRICS as METRICS
    from lamo.metrics.catalogue import Metric as Metric
else:
    __getattr__ = on_demand(__name__, LAZY)
