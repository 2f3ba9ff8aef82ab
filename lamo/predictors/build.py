"""Predictors by name: made from their configuration, saved and loaded."""

from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.config import PredictorConfig
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.saved import read_settings
from lamo.training.model_files import load_weights, save_model


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
    # to its code by lamo/jobs/code_hash.py.
    module = import_module(f"lamo.predictors.{config.name}.predictor")
    return module.build(geometry, config.backbone, config.head)


def save_predictor(folder: str | Path, predictor: Predictor, config: PredictorConfig, geometry: Geometry) -> None:
    """Writes model.safetensors and config.json into `folder`."""
    save_model(folder, predictor, {"predictor": config.model_dump(mode="json"), "geometry": asdict(geometry)})


def load_predictor(folder: str | Path) -> Predictor:
    """The trained predictor of `folder`, in evaluation mode on the CPU.

    Raises:
        LamoError: a file is missing, damaged or of another model.
    """
    config, geometry = read_settings(folder)
    predictor = build_predictor(config, geometry)
    load_weights(folder, predictor)
    return predictor.eval().requires_grad_(False)
