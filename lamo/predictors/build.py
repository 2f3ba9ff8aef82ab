"""Predictors by name: made from their configuration, saved and loaded, and their sizes for matched comparisons."""

from dataclasses import asdict, dataclass
from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.config import PredictorConfig
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.motion import flow_predictor, gmm_predictor
from lamo.predictors.state_baseline import state_baseline
from lamo.training.model_files import CONFIG, load_config, load_weights, save_model

BUILDERS = {"flow": flow_predictor, "gmm": gmm_predictor, "state": state_baseline}


@dataclass(frozen=True)
class Size:
    """What "matched" is judged by.

    Attributes:
        parameters: trainable parameters.
        context_tokens: tokens that the transformer attends over, queries included.
        payload: values predicted per rollout step.
    """

    parameters: int
    context_tokens: int
    payload: int


def build_predictor(config: PredictorConfig, geometry: Geometry) -> Predictor:
    """An untrained predictor; initialised from torch's global generator.

    Raises:
        LamoError: config and geometry disagree about the history.
    """
    if config.history != geometry.history:
        raise LamoError(
            f"predictors.history is {config.history}, the geometry of the latents was made for {geometry.history}"
        )
    return BUILDERS[config.name](geometry, config.backbone, config.head)


def size_of(predictor: Predictor, geometry: Geometry) -> Size:
    """Parameters, context tokens and payload of a predictor."""
    values = geometry.slots * geometry.motion_width
    if predictor.predicts == "state":
        values = geometry.patches * geometry.state_width
    parameters = sum(p.numel() for p in predictor.parameters() if p.requires_grad)
    return Size(parameters, predictor.backbone.context_tokens, values)


def save_predictor(folder: str | Path, predictor: Predictor, config: PredictorConfig, geometry: Geometry) -> None:
    """Writes model.safetensors and config.json into `folder`."""
    save_model(folder, predictor, {"predictor": config.model_dump(mode="json"), "geometry": asdict(geometry)})


def load_predictor(folder: str | Path) -> Predictor:
    """The trained predictor of `folder`, in evaluation mode on the CPU.

    Raises:
        LamoError: a file is missing, damaged or of another model.
    """
    content = load_config(folder)
    try:
        config = PredictorConfig.model_validate(content["predictor"])
        geometry = Geometry(**{**content["geometry"], "grid": tuple(content["geometry"]["grid"])})
    except (KeyError, TypeError, ValueError) as error:
        raise LamoError(
            f"{Path(folder) / CONFIG}: not the configuration of a predictor ({error}); train it again"
        ) from None
    predictor = build_predictor(config, geometry)
    load_weights(folder, predictor)
    return predictor.eval().requires_grad_(False)
