"""Latent states and motion tokens of whole clips (stage 03)."""

import numpy as np
import torch

from lamo.errors import LamoError
from lamo.images import to_input
from lamo.midway.network import Midway
from lamo.midway.state import state_tokens
from lamo.progress import Bar
from lamo.stores.config import LatentsConfig
from lamo.stores.frames import FramesStore
from lamo.stores.latents import LatentsWriter
from lamo.training.device import mixed_precision


@torch.no_grad()
def extract_latents(
    model: Midway, frames: FramesStore, config: LatentsConfig, writer: LatentsWriter, device: torch.device
) -> None:
    """Append state and motion tokens of every clip to `writer` (row t: from frame t to t + 1; last row: zeros).

    Raises:
        LamoError: the model has no such levels as `config.levels`.
    """
    if not all(0 <= level <= model.levels for level in config.levels):
        raise LamoError(
            f"latents.levels: found {list(config.levels)}, but the Midway Network has levels 0 to {model.levels}"
        )
    for index, clip_id in enumerate(Bar(frames.clip_ids, desc=f"latents {frames.path.name}", unit="clip")):
        states, motions = [], []
        clip, previous = frames.clip(index), None
        for begin in range(0, len(clip), config.batch):
            images = to_input(clip[begin : begin + config.batch], device)
            with mixed_precision(device, config.mixed_precision):
                z = model.encode(images)
            states.append(state_tokens(z, config.levels).half().cpu())
            # Pairs reach over the border of the batch: its first frame follows the last one of the batch before.
            source = z if previous is None else tuple(torch.cat([a[-1:], b]) for a, b in zip(previous, z, strict=True))
            if len(source[0]) > 1:
                with mixed_precision(device, config.mixed_precision):
                    motion = model.inverse(tuple(a[:-1] for a in source), tuple(a[1:] for a in source))
                motions.append(motion.half().cpu())
            previous = z
        motion = torch.cat([*motions, torch.zeros_like(motions[0][:1])])
        writer.add_clip(clip_id, torch.cat(states).numpy(), np.ascontiguousarray(motion.numpy()))
