"""A predictor's training that begins with a trained predictor: with its weights, its linear guess and its whitening."""

from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.kinds import PredictorConfig
from lamo.predictors.saved import Tokens, read_settings, read_tokens
from lamo.training.model_files import load_weights

KEY = "predictors: training.start"


def begin_with(
    model: Predictor, folder: str | Path, config: PredictorConfig, geometry: Geometry, tokens: Tokens
) -> None:
    """Give `model` all that the predictor in `folder` has learnt.

    `config`, `geometry` and `tokens` are those of `model`.

    Raises:
        LamoError: it is missing or damaged, is another model, or was trained on tokens of other sizes, with other
            statistics or at another frame rate.
    """
    theirs, ours = _facts(*read_settings(folder), read_tokens(folder)), _facts(config, geometry, tokens)
    differences = [f"{key} {theirs[key]} for {ours[key]}" for key in ours if ours[key] != theirs[key]]
    if differences:
        raise LamoError(
            f"{KEY}: the predictor in {folder} has {'; '.join(differences)}; set these keys as there (for the "
            f"statistics, latents.statistics to 03_latents/statistics.safetensors of its run), or leave {KEY} out"
        )
    load_weights(folder, model)


def _facts(config: PredictorConfig, geometry: Geometry, tokens: Tokens | None) -> dict[str, Any]:
    """What must be the same: all but what only fits or trains a predictor."""
    return {
        "kind": config.kind,
        "history": config.history,
        "backbone": config.backbone.model_dump(mode="json"),
        "settings": config.settings.model_dump(mode="json", exclude={"training", "guess_ridge"}),
        "tokens": geometry,
        "statistics of the tokens": tokens and tokens.statistics,
        "frames.rate_hz": tokens and tokens.rate_hz,
    }
