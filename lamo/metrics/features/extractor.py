"""What a feature extractor is: the network on whose features distances of distributions are computed."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class FeatureExtractor(Protocol):
    """Maps frames uint8 [N, H, W, 3] to features float32 [N, d].

    `metric` names the column of the Frechet distance: `fid` for Inception alone, else `fd_<features>`. `description`
    says in a sentence or two what the features are and what the distance is not. (Features of clips, of which FVD is
    made, are in `lamo.metrics.features.clips`.)
    """

    @property
    def metric(self) -> str: ...

    @property
    def description(self) -> str: ...

    def __call__(self, frames: np.ndarray) -> np.ndarray: ...


class Extractors(NamedTuple):
    """The extractors of a run: `windows`, in whose features windows are scored too, and another one for distances."""

    windows: FeatureExtractor
    other: FeatureExtractor


def features_at(frames: np.ndarray, steps: Sequence[int], extractor: FeatureExtractor) -> np.ndarray:
    """Features [W, S, F, d] of frames uint8 [W, S, T, H, W, 3] at F of T steps, `steps`, counted from 1."""
    chosen = frames[:, :, np.asarray(steps) - 1]
    return extractor(chosen.reshape(-1, *chosen.shape[3:])).reshape(*chosen.shape[:3], -1)
