"""Predictors by name: made from their configuration, saved and loaded, and their sizes for matched comparisons."""

from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.config import PredictorConfig
from lamo.predictors.interface import Geometry, Predictor
from lamo.training.model_files import CONFIG, load_config, load_weights, save_model


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
    # By name: with import statements every predictor would depend on the code of all. What a script loads here is added
    # to its code by lamo/workflow/code_hash.py.
    module = import_module(f"lamo.predictors.{config.name}_predictor")
    return module.build(geometry, config.backbone, config.head)


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
