"""Kinds of stores that are damaged in tests: how each is written, and how all of it is read."""

import numpy as np

from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.latents import LatentsStore, LatentsWriter


def write_frames(store, manifest, clips=3):
    rng = np.random.default_rng(0)
    with FramesWriter(store, manifest, 4, 6) as writer:
        for clip in range(clips):
            writer.add_clip(f"clip {clip}", rng.integers(0, 9, (5, 4, 6, 3), dtype=np.uint8), np.arange(5) / 5)


def read_frames(store, manifest):
    opened = FramesStore(store, manifest)
    return [opened.frames[:], opened.times, opened.offsets, np.array(opened.clip_ids)]


def write_latents(store, manifest, clips=3):
    rng = np.random.default_rng(0)
    with LatentsWriter(store, manifest, (1, 3), (0,)) as writer:
        for clip in range(clips):
            writer.add_clip(f"clip {clip}", rng.standard_normal((5, 3, 4)), rng.standard_normal((5, 1, 2, 3)))


def read_latents(store, manifest):
    opened = LatentsStore(store, manifest)
    return [opened.state[:], opened.motion[:], opened.offsets, np.array(opened.clip_ids)]


KINDS = {"frames": (write_frames, read_frames), "latents": (write_latents, read_latents)}
