"""Features of whole clips: the observed frames of a window, and the true or predicted ones after them."""

from dataclasses import dataclass

import numpy as np

from lamo.metrics.features.i3d import WIDTH, I3dFeatures
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Rollouts

# Windows whose frames are read at once.
_READ = 32


@dataclass(frozen=True)
class ClipFeatures:
    """A network for clips, and the frames before the rollouts.

    Attributes:
        network: from clips uint8 [N, T, H, W, 3] to features [N, d].
        videos: the frames of the clips that the windows lie in.
        observed: frames of a window before the first that is predicted.
    """

    network: I3dFeatures
    videos: ClipFrames
    observed: int

    @property
    def metric(self) -> str:
        """The name of the Frechet distance."""
        return self.network.metric

    @property
    def description(self) -> str:
        """Some sentences for a caption."""
        return (
            f"Frechet distance on {WIDTH} features of I3D trained on Kinetics-400 (file of SHA-256 "
            f"{self.network.digits}...) of clips, {self.observed} observed frames and all up to the last horizon, each "
            "frame resized to 224 x 224. It belongs to the last horizon and is n/a at the others. Clips of another "
            "length or frame rate give other numbers."
        )

    def of(self, rollouts: Rollouts, steps: int) -> np.ndarray:
        """Features [M, 1, d] of the first future of each of M windows, up to step `steps`.

        Raises:
            LamoError: a window is not in the videos, or the clips are too short for the network.
        """
        blocks = []
        for begin in range(0, len(rollouts.windows), _READ):
            part = slice(begin, begin + _READ)
            before = self.videos.read(rollouts.windows[part], 0, self.observed)
            blocks.append(self.network(np.concatenate([before, rollouts.frames[part, 0, :steps]], axis=1)))
        return np.concatenate(blocks)[:, None]
