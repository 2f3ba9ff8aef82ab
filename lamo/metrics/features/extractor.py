"""What a feature extractor is: the network on whose features distances of distributions are computed."""

from typing import Protocol

import numpy as np


class FeatureExtractor(Protocol):
    """Maps frames uint8 [N, H, W, 3] to features float32 [N, d].

    `metric` names the column of the Frechet distance: `fid` for Inception alone, else `fd_<features>`. `description`
    says in a sentence or two what the features are and what the distance is not.
    """

    metric: str
    description: str

    def __call__(self, frames: np.ndarray) -> np.ndarray: ...
