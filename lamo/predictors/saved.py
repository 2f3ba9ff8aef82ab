"""What a trained predictor was made from, read without building it."""

from dataclasses import dataclass
from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.interface import Geometry
from lamo.predictors.kinds import PredictorConfig
from lamo.training.model_files import CONFIG, load_config


@dataclass(frozen=True)
class Tokens:
    """What tokens a predictor was trained on: digest of their statistics, and frames per second."""

    statistics: str
    rate_hz: float


def read_tokens(folder: str | Path) -> Tokens | None:
    """The tokens that the predictor in `folder` was trained on; None if it does not say.

    Raises:
        LamoError: its config.json is missing or damaged.
    """
    tokens = load_config(folder).get("tokens")
    try:
        return Tokens(**tokens) if tokens else None
    except TypeError as error:
        raise LamoError(f"{Path(folder) / CONFIG}: tokens: {error}; train the predictor again") from None


def trained_further(folder: str | Path) -> bool:
    """Whether the predictor in `folder` was trained together with the forward dynamics (`end_to_end`).

    Raises:
        LamoError: its config.json is missing or damaged.
    """
    return "end_to_end" in load_config(folder)


def read_settings(folder: str | Path) -> tuple[PredictorConfig, Geometry]:
    """Configuration and geometry of the predictor in `folder`.

    Raises:
        LamoError: its config.json is missing, damaged or of another model, or its kind is not installed.
    """
    content = load_config(folder)
    path = Path(folder) / CONFIG
    predictor = content.get("predictor")
    if isinstance(predictor, dict) and "head" in predictor:
        raise LamoError(
            f"{path}: found a predictor of an earlier version (keys `name` and `head`), expected the keys `kind` and "
            "`settings`; train it again"
        )
    try:
        config = PredictorConfig.model_validate(content["predictor"])
        geometry = Geometry(**{**content["geometry"], "grid": tuple(content["geometry"]["grid"])})
    except LamoError as error:
        raise LamoError(f"{path}: kind: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise LamoError(f"{path}: not the configuration of a predictor ({error}); train it again") from None
    return config, geometry
