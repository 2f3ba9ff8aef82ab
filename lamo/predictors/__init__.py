"""Predictors of the next motion tokens, and the baseline that predicts the next state."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "Context": "lamo.predictors.interface",
    "Geometry": "lamo.predictors.interface",
    "Kind": "lamo.predictors.kinds",
    "Predictor": "lamo.predictors.interface",
    "Statistics": "lamo.predictors.statistics",
    "load_predictor": "lamo.predictors.build",
}

if TYPE_CHECKING:
    from lamo.predictors.build import load_predictor as load_predictor
    from lamo.predictors.interface import Context as Context
    from lamo.predictors.interface import Geometry as Geometry
    from lamo.predictors.interface import Predictor as Predictor
    from lamo.predictors.kinds import Kind as Kind
    from lamo.predictors.statistics import Statistics as Statistics
else:
    __getattr__ = on_demand(__name__, LAZY)
