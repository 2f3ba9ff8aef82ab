"""The Midway Network of `midway.checkpoint`, which takes the place of training."""

from pathlib import Path

from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.midway.upstream.conversion import import_upstream


def import_checkpoint(config: MidwayConfig, image: tuple[int, int]) -> Midway:
    """The model of `config.checkpoint`: a published checkpoint, or a folder (or its model.safetensors) of ours.

    Raises `LamoError` if the file is not what it should be, or does not fit frames of size `image` (height, width).
    """
    if config.checkpoint is None:
        raise LamoError("midway.checkpoint: found null, expected the path of a model; there is nothing to import")
    path = Path(config.checkpoint)
    if path.is_dir() or path.name == "model.safetensors":
        model = Midway.load(path if path.is_dir() else path.parent)
    else:
        model = import_upstream(path, encoder_heads=config.checkpoint_heads)
    if model.image != image:
        needed = f"{{height: {model.image[0]}, width: {model.image[1]}}}"
        raise LamoError(f"frames: found {image[0]} x {image[1]}, but the model in {path} needs {needed}")
    return model
