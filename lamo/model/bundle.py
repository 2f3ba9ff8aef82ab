"""The folder of a trained world model: `results/<run>/model/`, which can be copied and needs nothing of its run.

model.json               what its frames are, which predictors it has
midway/, decoder/        the Midway Network and the pixel decoder, as the stages save them
predictors/<entry>/      the predictors of the first training seed, each with the f_fwd that was trained with it, if any
statistics.safetensors   means and deviations that normalise motion tokens and states
README.md                the card: where it comes from, what it scored, what it cannot do
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, ValidationError
from safetensors.torch import load_file, save_file

from lamo.errors import LamoError
from lamo.section import Section
from lamo.stores.atomic import read_json, replacing, write_json

PUBLISHED = Path(__file__).resolve().parents[2] / "results" / "weights" / "roads"
"""The world model that comes with the repository."""

FACTS, STATISTICS = "model.json", "statistics.safetensors"
MIDWAY, DECODER, PREDICTORS = "midway", "decoder", "predictors"


class FrameFormat(Section):
    """The frames that a model sees and makes."""

    height: int = Field(description="pixels")
    width: int = Field(description="pixels")
    rate_hz: float = Field(description="frames per second")
    fit: Literal["crop", "stretch"] = Field(description="how frames of another aspect ratio are fitted")


class ModelFacts(Section):
    """What model.json says."""

    format: Literal[1] = Field(1, description="version of the layout of the folder")
    run: str = Field(description="name of the run that trained it")
    frames: FrameFormat = Field(description="the frames that it sees and makes")
    origin: str = Field(description="how its Midway Network was made: trained, begun with another one, or imported")
    levels: tuple[int, ...] = Field(description="pyramid levels of the latent state")
    predictors: dict[str, tuple[str, ...]] = Field(
        min_length=1, description="samplers of each predictor by the name of its entry, the one to use by default first"
    )
    predictor: str = Field(description="the predictor to use by default")
    together: tuple[str, ...] = Field(
        (), description="predictors that were trained together with an f_fwd, which lies in their midway/"
    )


def write_facts(folder: str | Path, facts: ModelFacts) -> None:
    """Write model.json."""
    write_json(Path(folder) / FACTS, facts.model_dump(mode="json"))


def read_facts(folder: str | Path) -> ModelFacts:
    """What the model in `folder` is.

    Raises:
        LamoError: model.json is missing, damaged or of another version.
    """
    path = Path(folder) / FACTS
    try:
        return ModelFacts.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise LamoError(
            f"{path}: found {first['input']!r} for {place} ({first['msg']}), expected a model of this version; make it "
            "again with its run"
        ) from None


def write_half(source: str | Path, target: str | Path) -> None:
    """Write the weights of `source`, a file of safetensors, to `target`, those in float32 as float16.

    Raises:
        LamoError: a weight is too large for that.
    """
    weights = load_file(source)
    halved = {name: one.half() if one.dtype == torch.float32 else one for name, one in weights.items()}
    for name, one in halved.items():
        if not one.isfinite().all():
            largest = float(weights[name].abs().max())
            raise LamoError(
                f"{source}: {name}: found {largest:g}, expected at most 65504, the most of float16; set "
                "model.half_precision to false"
            )
    with replacing(target) as temporary:
        save_file(halved, temporary)


def model_folder(path: str | Path) -> Path:
    """The folder of the model that `path` names: it, or model/ in the folder of a run.

    Raises:
        LamoError: there is none.
    """
    path = Path(path)
    for folder in (path, path / "model"):
        if (folder / FACTS).is_file():
            return folder
    found = "no such folder" if not path.exists() else "a file" if path.is_file() else f"no {FACTS} in it or in model/"
    raise LamoError(f"{path}: found {found}, expected the folder of a model or of a finished run; give results/<run>")
