"""The Midway Network of `midway.checkpoint`, which takes the place of training."""

from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.midway.upstream import import_upstream


def import_checkpoint(config: MidwayConfig, image: tuple[int, int], levels: Sequence[int]) -> Midway:
    """The model of `config.checkpoint`: a published checkpoint, or a folder (or its model.safetensors) of ours.

    A published model has no recurrence of its own and gets that of `config`; one of ours is taken as it is. Raises
    `LamoError` if the file is not what it should be or does not fit frames of size `image` or the latent state of
    `levels`.
    """
    path = Path(config.checkpoint)
    if path.is_dir() or path.name == "model.safetensors":
        model = Midway.load(path if path.is_dir() else path.parent)
    else:
        if config.recurrence.top != "held":
            top = config.recurrence.top
            raise LamoError(f"midway.recurrence.top: found {top}, but {path} predicts no top level; set it to held")
        model = import_upstream(path, encoder_heads=config.checkpoint_heads)
        model.config = model.config.model_copy(update={"recurrence": config.recurrence})
    if model.image != image:
        wanted = f"{{height: {model.image[0]}, width: {model.image[1]}}}"
        raise LamoError(f"frames: found {image[0]} x {image[1]}, but the model in {path} needs {wanted}")
    if not all(0 <= level <= model.levels for level in levels):
        raise LamoError(f"latents.levels: found {list(levels)}, but the model in {path} has levels 0 to {model.levels}")
    return model
