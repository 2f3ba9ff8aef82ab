"""What a trained predictor was made from, read without building it."""

from pathlib import Path

from lamo.errors import LamoError
from lamo.predictors.config import PredictorConfig
from lamo.predictors.interface import Geometry
from lamo.training.model_files import CONFIG, load_config


def read_settings(folder: str | Path) -> tuple[PredictorConfig, Geometry]:
    """Configuration and geometry of the predictor in `folder`.

    Raises:
        LamoError: its config.json is missing, damaged or of another model.
    """
    content = load_config(folder)
    try:
        config = PredictorConfig.model_validate(content["predictor"])
        geometry = Geometry(**{**content["geometry"], "grid": tuple(content["geometry"]["grid"])})
    except (KeyError, TypeError, ValueError) as error:
        raise LamoError(
            f"{Path(folder) / CONFIG}: not the configuration of a predictor ({error}); train it again"
        ) from None
    return config, geometry
