"""The Midway Network: encoder, inverse dynamics, forward dynamics."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "Midway": "lamo.midway.network",
    "MidwayConfig": "lamo.midway.config",
}

if TYPE_CHECKING:
    from lamo.midway.config import MidwayConfig as MidwayConfig
    from lamo.midway.network import Midway as Midway
else:
    __getattr__ = on_demand(__name__, LAZY)
