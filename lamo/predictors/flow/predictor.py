"""The flow-matching predictor of motion tokens."""

from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import BackboneConfig
from lamo.predictors.flow.config import FlowConfig
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.interface import Geometry
from lamo.predictors.motion import MotionPredictor


def build(geometry: Geometry, backbone: BackboneConfig, settings: FlowConfig) -> MotionPredictor:
    """Flow-matching predictor of motion tokens."""
    heads = backbone.heads if settings.coupling == "attention" else 0
    head = FlowHead(
        geometry.motion_width, backbone.width, settings.width, settings.blocks, heads,
        white=settings.guess == "whitened",
    )  # fmt: skip
    network = MotionBackbone(geometry, backbone, readout=False)
    return MotionPredictor(network, head, settings)
