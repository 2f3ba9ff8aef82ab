"""Predictors made from their settings, saved and loaded."""

from dataclasses import asdict
from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.end_to_end import EndToEndConfig
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.kinds import PredictorConfig, find_kind
from lamo.predictors.sampler import Sampler, sampler_name
from lamo.predictors.saved import Tokens, read_settings
from lamo.training.model_files import load_weights, save_model


def build_predictor(config: PredictorConfig, geometry: Geometry) -> Predictor:
    """An untrained predictor; initialised from torch's global generator.

    Raises:
        LamoError: config and geometry disagree about the history.
    """
    if config.history != geometry.history:
        raise LamoError(
            f"the predictor's history is {config.history}, the geometry of the latents was made for {geometry.history}"
        )
    # The kind is imported by its name: with import statements here every predictor would depend on the code of all.
    # Rules name its module, and lamo/jobs/code_hash.py adds what that imports to the code of a job.
    return find_kind(config.kind).build(geometry, config.backbone, config.settings)


def save_predictor(
    folder: str | Path, predictor: Predictor, config: PredictorConfig, geometry: Geometry, tokens: Tokens | None = None,
    end_to_end: EndToEndConfig | None = None,
) -> None:  # fmt: skip
    """Writes model.safetensors and config.json into `folder`. Trainings begin with it only if it says its `tokens`.

    `end_to_end`: how it was trained further, together with the forward dynamics.
    """
    content = {"predictor": config.model_dump(mode="json"), "geometry": asdict(geometry)}
    content |= {"tokens": asdict(tokens)} if tokens else {}
    save_model(folder, predictor, content | ({"end_to_end": end_to_end.model_dump(mode="json")} if end_to_end else {}))


def load_predictor(folder: str | Path) -> Predictor:
    """The trained predictor of `folder`, in evaluation mode on the CPU.

    Raises:
        LamoError: a file is missing, damaged or of another model.
    """
    config, geometry = read_settings(folder)
    predictor = build_predictor(config, geometry)
    load_weights(folder, predictor)
    return predictor.eval().requires_grad_(False)


def load_sampler(folder: str | Path, entry: str, label: str) -> Sampler:
    """The sampler of row `label` of `entry`, whose trained predictor lies in `folder`.

    Raises:
        LamoError: the row is not one of this entry's, or its kind does not know the sampler.
    """
    config, _ = read_settings(folder)
    return find_kind(config.kind).parse(sampler_name(entry, label), entry)
