"""The kind `flow`: flow matching on motion tokens."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lamo.predictors.config import BackboneConfig
from lamo.predictors.flow.config import FlowConfig, coupling_problems
from lamo.predictors.flow.sampler import KNOWN, parse
from lamo.predictors.kinds import Kind

if TYPE_CHECKING:
    from lamo.predictors.interface import Geometry, Predictor


def build(geometry: "Geometry", backbone: BackboneConfig, settings: FlowConfig) -> "Predictor":
    """An untrained flow predictor."""
    from lamo.predictors.flow.predictor import build

    return build(geometry, backbone, settings)


def problems(settings: FlowConfig, history: int, backbone: BackboneConfig) -> Iterator[str]:
    """What settings and backbone demand of each other."""
    yield from coupling_problems(settings.coupling, settings.width, backbone)


KIND = Kind(
    name="flow",
    predicts="motion",
    config=FlowConfig,
    build=build,
    sampler=parse,
    samplers=KNOWN,
    validated_by="5",
    problems=problems,
)
