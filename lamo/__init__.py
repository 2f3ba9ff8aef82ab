"""LaMo: a latent motion world model for long-horizon prediction."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "LamoError": "lamo.errors",
    "Midway": "lamo.midway.network",
    "PixelDecoder": "lamo.decoder.pixel_decoder",
    "Predictor": "lamo.predictors.interface",
    "WorldModel": "lamo.model.world_model",
    "load": "lamo.model.world_model",
    "load_predictor": "lamo.predictors.build",
}

if TYPE_CHECKING:
    from lamo.decoder.pixel_decoder import PixelDecoder as PixelDecoder
    from lamo.errors import LamoError as LamoError
    from lamo.midway.network import Midway as Midway
    from lamo.model.world_model import WorldModel as WorldModel
    from lamo.model.world_model import load as load
    from lamo.predictors.build import load_predictor as load_predictor
    from lamo.predictors.interface import Predictor as Predictor
else:
    __getattr__ = on_demand(__name__, LAZY)
