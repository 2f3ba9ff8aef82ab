"""The Gaussian-mixture predictor of motion tokens."""

from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import BackboneConfig, GmmConfig
from lamo.predictors.gmm.head import GmmHead
from lamo.predictors.interface import Geometry
from lamo.predictors.motion import MotionPredictor


def build(geometry: Geometry, backbone: BackboneConfig, config: GmmConfig) -> MotionPredictor:
    """Gaussian-mixture predictor of motion tokens, with the global readout query."""
    bounds = (config.log_sigma_min, config.log_sigma_max)
    head = GmmHead(geometry.motion_width, backbone.width, config.components, bounds, config.entropy_weight)
    network = MotionBackbone(geometry, backbone, readout=True)
    return MotionPredictor("gmm", network, head, config)
