"""The feature extractors of a run."""

from pathlib import Path

import torch

from lamo.metrics.features.extractor import Extractors
from lamo.metrics.features.imagenet import ImageNetFeatures
from lamo.metrics.features.inception import InceptionFeatures
from lamo.metrics.features.world import WorldFeatures


def load_extractors(inception: str | None, world: str | Path, device: torch.device) -> Extractors:
    """ImageNet features, and those of Inception if their weights `inception` are given, else of the network in `world`.

    Raises:
        LamoError: a file is missing or is not the network.
    """
    other = InceptionFeatures(inception, device) if inception else WorldFeatures.load(world)
    return Extractors(ImageNetFeatures(device), other)
