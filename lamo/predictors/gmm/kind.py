"""The kind `gmm`: a Gaussian mixture over motion tokens."""

from typing import TYPE_CHECKING

from lamo.predictors.config import BackboneConfig
from lamo.predictors.gmm.config import GmmConfig
from lamo.predictors.gmm.sampler import KNOWN, parse
from lamo.predictors.kinds import Kind

if TYPE_CHECKING:
    from lamo.predictors.interface import Geometry, Predictor


def build(geometry: "Geometry", backbone: BackboneConfig, settings: GmmConfig) -> "Predictor":
    """An untrained mixture predictor."""
    from lamo.predictors.gmm.predictor import build

    return build(geometry, backbone, settings)


KIND = Kind(
    name="gmm",
    predicts="motion",
    config=GmmConfig,
    build=build,
    sampler=parse,
    samplers=KNOWN,
    validated_by="mean",
)
