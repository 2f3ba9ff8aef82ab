"""The feature extractors of a run, and the other networks that it may score with."""

from pathlib import Path

import torch

from lamo.metrics.features.clips import ClipFeatures
from lamo.metrics.features.extractor import Extractors
from lamo.metrics.features.i3d import I3dFeatures
from lamo.metrics.features.imagenet import ImageNetFeatures
from lamo.metrics.features.inception import InceptionFeatures
from lamo.metrics.features.world import WorldFeatures
from lamo.rollout.windows import ClipFrames
from lamo.stores.frames import open_frames


def load_extractors(inception: str | None, world: str | Path, device: torch.device) -> Extractors:
    """ImageNet features, and those of Inception if their weights `inception` are given, else of the network in `world`.

    Raises:
        LamoError: a file is missing or is not the network.
    """
    other = InceptionFeatures(inception, device) if inception else WorldFeatures.load(world)
    return Extractors(ImageNetFeatures(device), other)


def load_clip_features(
    i3d: str | None, stores: list[str], manifests: list[str], observed: int, device: torch.device
) -> ClipFeatures | None:
    """Features of clips, for FVD, if the weights `i3d` are given.

    `stores` and their `manifests` have the frames that the windows lie in; `observed`: frames of a window before its
    rollout.

    Raises:
        LamoError: a file is missing or is not the network, or a store is unfinished or damaged.
    """
    if i3d is None:
        return None
    return ClipFeatures(I3dFeatures(i3d, device), ClipFrames(open_frames(stores, manifests)), observed)
