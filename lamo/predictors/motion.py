"""The motion-token predictors p(m_t | m_{t-K..t-1}, z_t) (paper eq. 7): one backbone, a flow or a mixture head."""

from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.backbone import MotionBackbone
from lamo.predictors.config import BackboneConfig, FlowConfig, GmmConfig
from lamo.predictors.flow_head import FlowHead
from lamo.predictors.gmm_head import GmmHead
from lamo.predictors.interface import Context, Geometry, Predictor, Randomness, Sampler
from lamo.predictors.randomness import corrupt


class MotionPredictor(Predictor):
    """Predictor of the next motion tokens; see `Predictor` for the shapes.

    With anchor "last" the head models m_t minus the last motion token *of the context it is given*, noise included, so
    that training and rollout see the same thing.
    """

    predicts = "motion"

    def __init__(
        self, name: str, backbone: MotionBackbone, head: FlowHead | GmmHead, context_noise_max: float, anchor: str
    ) -> None:
        super().__init__()
        if anchor == "last" and backbone.geometry.history == 0:
            raise LamoError("anchor is 'last' with a history of 0 motion tokens; expected a history of at least 1")
        self.name, self.backbone, self.head = name, backbone, head
        self.context_noise_max, self.anchor = context_noise_max, anchor

    def loss(self, context: Context, target: Tensor, generator: Generator) -> Tensor:
        # Only the current state is read, so only it is corrupted.
        context = Context(context.motion, context.states[:, -1:])
        if self.training:
            context = corrupt(context, self.context_noise_max, generator)
        if self.anchor == "last":
            target = target - context.motion[:, -1]
        return self.head.loss(self.backbone(context), target, generator)

    def sample(self, context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
        if sampler.predictor != self.name:
            raise LamoError(f"sampler {sampler.name} does not belong to predictor {self.name}")
        motion = self.head.sample(self.backbone(context), sampler, generator)
        return motion + context.motion[:, -1] if self.anchor == "last" else motion


def flow_predictor(geometry: Geometry, backbone: BackboneConfig, config: FlowConfig) -> MotionPredictor:
    """Flow-matching predictor of motion tokens."""
    head = FlowHead(geometry.motion_width, backbone.width, config.width, config.blocks)
    network = MotionBackbone(geometry, backbone, readout=False)
    return MotionPredictor("flow", network, head, config.training.context_noise_max, config.anchor)


def gmm_predictor(geometry: Geometry, backbone: BackboneConfig, config: GmmConfig) -> MotionPredictor:
    """Gaussian-mixture predictor of motion tokens, with the global readout query."""
    bounds = (config.log_sigma_min, config.log_sigma_max)
    head = GmmHead(geometry.motion_width, backbone.width, config.components, bounds, config.entropy_weight)
    network = MotionBackbone(geometry, backbone, readout=True)
    return MotionPredictor("gmm", network, head, config.training.context_noise_max, config.anchor)
