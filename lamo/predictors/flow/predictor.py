"""The flow-matching predictor of motion tokens."""

from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import BackboneConfig, FlowConfig
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.interface import Geometry
from lamo.predictors.motion import MotionPredictor


def build(geometry: Geometry, backbone: BackboneConfig, config: FlowConfig) -> MotionPredictor:
    """Flow-matching predictor of motion tokens."""
    heads = backbone.heads if config.coupling == "attention" else 0
    head = FlowHead(geometry.motion_width, backbone.width, config.width, config.blocks, heads, config.shortcut_share)
    network = MotionBackbone(geometry, backbone, readout=False)
    return MotionPredictor("flow", network, head, config)
