"""The Midway Network of `midway.checkpoint`, which takes the place of training."""

import logging
from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.midway.checkpoint.upstream import import_upstream
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.fitting import fit_recurrence, with_recurrence
from lamo.midway.network import Midway
from lamo.stores.windows import ShardArray
from lamo.training.session import Session

logger = logging.getLogger(__name__)


def import_checkpoint(
    config: MidwayConfig, image: tuple[int, int], levels: Sequence[int], frames: Sequence[ShardArray] = (),
    seed: int = 0, session: Session | None = None,
) -> Midway:  # fmt: skip
    """The model of `config.checkpoint`: a published checkpoint, or a folder (or its model.safetensors) of ours.

    It gets the recurrence of `config`; parts of that which it lacks are fitted on the training `frames`, uint8
    [N, H, W, 3], with everything else frozen. Raises `LamoError` if the file is not what it should be or does not fit
    frames of size `image` or the latent state of `levels`, or if there are no frames where something is to be fitted.
    """
    session = session or Session()
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
    if not all(0 <= level <= model.levels for level in levels):
        raise LamoError(f"latents.levels: found {list(levels)}, but the model in {path} has levels 0 to {model.levels}")
    trained, wanted = model.config.recurrence, config.recurrence
    if trained != wanted:
        logger.info("recurrence of the model in %s: %s; taken here: %s", path, trained, wanted)
    model, fit = with_recurrence(model.to(session.device), wanted)
    if fit and not frames:
        raise LamoError(
            f"midway.recurrence.top: found {wanted.top}, for which {path} has no weights; give frames to fit them on, "
            "or set it to held"
        )
    if fit:
        fit_recurrence(model, frames, seed, session)
    return model
