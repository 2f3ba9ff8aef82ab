"""A predictor's training that begins with a trained predictor: with its weights, its linear guess and its whitening."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.kinds import PredictorConfig
from lamo.predictors.saved import Tokens, read_settings, read_tokens
from lamo.training.model_files import load_weights
from lamo.training.start import differences


def begin_with(
    model: Predictor, folder: str | Path, config: PredictorConfig, geometry: Geometry, tokens: Tokens, key: str
) -> None:
    """Give `model` all that the predictor in `folder` has learnt.

    `config`, `geometry` and `tokens` are those of `model`; `key` is that of the configuration, for messages.

    Raises:
        LamoError: it is missing or damaged, is another model, or was trained on tokens of other sizes, with other
            statistics or at another frame rate.
    """
    theirs, (their_config, their_geometry) = read_tokens(folder), read_settings(folder)
    if theirs is None:
        raise LamoError(
            f"{key}: the predictor in {folder} does not say with which statistics it was trained; train it again with "
            f"this version, or leave {key} out"
        )
    found = differences(_facts(their_config, their_geometry), _facts(config, geometry))
    found += [f"frames.rate_hz {theirs.rate_hz} for {tokens.rate_hz}"] if theirs.rate_hz != tokens.rate_hz else []
    if found:
        raise LamoError(
            f"{key}: the predictor in {folder} has {'; '.join(found)}; set these keys as there, or leave {key} out"
        )
    if theirs.statistics != tokens.statistics:
        raise LamoError(
            f"{key}: the predictor in {folder} was trained with other statistics of the tokens; set latents.statistics "
            f"to 03_latents/statistics.safetensors of its run, or leave {key} out"
        )
    load_weights(folder, model)


def _facts(config: PredictorConfig, geometry: Geometry) -> dict[str, Any]:
    """What must be the same: all but what only fits or trains a predictor."""
    return {
        "kind": config.kind,
        "history": config.history,
        "backbone": config.backbone.model_dump(mode="json"),
        **config.settings.model_dump(mode="json", exclude={"training", "guess_ridge"}),
        "tokens": asdict(geometry),
    }
