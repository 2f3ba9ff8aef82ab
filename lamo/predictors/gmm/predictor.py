"""The Gaussian-mixture predictor of motion tokens."""

from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import BackboneConfig
from lamo.predictors.gmm.config import GmmConfig
from lamo.predictors.gmm.head import GmmHead
from lamo.predictors.interface import Geometry
from lamo.predictors.motion import MotionPredictor


def build(geometry: Geometry, backbone: BackboneConfig, settings: GmmConfig) -> MotionPredictor:
    """Gaussian-mixture predictor of motion tokens, with the global readout query."""
    head = GmmHead(
        geometry.motion_width,
        backbone.width,
        settings.components,
        settings.entropy_weight,
        white=settings.guess == "whitened",
    )
    network = MotionBackbone(geometry, backbone, readout=True)
    return MotionPredictor(network, head, settings)
