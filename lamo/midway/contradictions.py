"""What frames, latents and the parts of the Midway Network demand of each other, checked before a run."""

from collections.abc import Iterator

from lamo.midway.config import MidwayConfig
from lamo.stores.config import LatentsConfig
from lamo.video.config import FramesConfig


def encoder_contradictions(midway: MidwayConfig, frames: FramesConfig, latents: LatentsConfig) -> Iterator[str]:
    """What frames and latents demand of an encoder that is trained; one that is imported brings its own geometry."""
    encoder = midway.encoder
    for key in ("height", "width"):
        size = getattr(frames, key)
        if size % encoder.patch:
            yield f"frames.{key}: found {size}, expected a multiple of midway.encoder.patch {encoder.patch}"
    if list(encoder.levels) != sorted(set(encoder.levels)) or not 0 <= max(encoder.levels) < encoder.depth:
        yield f"midway.encoder.levels: found {list(encoder.levels)}, expected rising blocks below depth {encoder.depth}"
    if not all(0 <= level < len(encoder.levels) for level in latents.levels):
        yield (
            f"latents.levels: found {list(latents.levels)}, expected numbers of pyramid levels, "
            f"0 to {len(encoder.levels) - 1}"
        )


def forward_contradictions(midway: MidwayConfig) -> Iterator[str]:
    """What the width of the encoder demands of the attention heads of the forward model."""
    width = midway.encoder.width
    forward = midway.forward_
    keys = {"heads": forward.heads}
    if midway.made_of().laterals:
        keys["lateral_heads"] = forward.lateral_heads
    for key, heads in keys.items():
        if width % heads:
            yield f"midway.forward.{key}: found {heads}, expected a divisor of midway.encoder.width {width}"
