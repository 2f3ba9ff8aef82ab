"""The kind `state`: flow matching on latent states, the baseline."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lamo.predictors.config import BackboneConfig
from lamo.predictors.flow.config import coupling_problems
from lamo.predictors.flow.sampler import KNOWN, parse
from lamo.predictors.kinds import Kind
from lamo.predictors.state.config import StateConfig

if TYPE_CHECKING:
    from lamo.predictors.interface import Geometry, Predictor


def build(geometry: "Geometry", backbone: BackboneConfig, settings: StateConfig) -> "Predictor":
    """An untrained state baseline."""
    from lamo.predictors.state.predictor import build

    return build(geometry, backbone, settings)


def problems(settings: StateConfig, history: int, backbone: BackboneConfig) -> Iterator[str]:
    """What settings and backbone demand of each other."""
    yield from coupling_problems(settings.coupling, settings.width, backbone)


KIND = Kind(
    name="state",
    predicts="state",
    config=StateConfig,
    build=build,
    sampler=parse,
    samplers=KNOWN,
    validated_by="5",
    problems=problems,
)
