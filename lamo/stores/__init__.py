"""Zarr stores of frames, latents, motion tokens and rollouts, each finished by a manifest."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "FramesStore": "lamo.stores.frames",
    "LatentsStore": "lamo.stores.latents",
    "open_frames": "lamo.stores.frames",
    "open_latents": "lamo.stores.latents",
    "read_rollouts": "lamo.stores.rollouts",
}

if TYPE_CHECKING:
    from lamo.stores.frames import FramesStore as FramesStore
    from lamo.stores.frames import open_frames as open_frames
    from lamo.stores.latents import LatentsStore as LatentsStore
    from lamo.stores.latents import open_latents as open_latents
    from lamo.stores.rollouts import read_rollouts as read_rollouts
else:
    __getattr__ = on_demand(__name__, LAZY)
