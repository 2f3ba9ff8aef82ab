"""True futures of the synthetic world from the same state: not the one that happened, but others that could have.

In expectation no forecast has a better energy score than such futures. (In the error of single samples a mean is
better than a future that did not happen.) They pass through nothing that is learned. Their frames are scaled as those
of videos are, but without the loss of the video's encoding, which the truth has gone through.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from lamo.dataset.world_drives import WorldDrives
from lamo.progress import Bar
from lamo.rollout.latent_scores import no_latent_scores
from lamo.stores.rollouts import Rollouts, Window
from lamo.video.colour import Colours
from lamo.video.config import FramesConfig
from lamo.video.orientation import Orientation
from lamo.video.pictures import Converter
from lamo.world.render import render
from lamo.world.simulation import Drive, WorldConfig, clip_of, clip_seed, futures


@dataclass(frozen=True)
class Branching:
    """The world, and the windows from whose present frame it is run again.

    Attributes:
        world: the world of the run.
        drives: the drive that each clip is.
        frames: size and rate of the frames.
        history: number of the present frame in a window, from 0.
        steps: frames after it.
    """

    world: WorldConfig
    drives: WorldDrives
    frames: FramesConfig
    history: int
    steps: int

    def source_frames(self, window: Window) -> np.ndarray:
        """Source frames of the present frame and of those after it: [steps + 1]."""
        number = window.start + self.history + np.arange(self.steps + 1)
        # Of the frames nearest to a time of the grid the earlier one, as in decoding.
        return np.ceil(number / self.frames.rate_hz * self.world.fps - 0.5 - 1e-6).astype(int)

    def futures(self, window: Window, count: int, first: int = 0) -> list[Drive]:
        """`count` drives that go on differently after the present frame of a window (`lamo.world.simulation`)."""
        at = self.source_frames(window)
        seed = clip_seed(self.world, *clip_of(self.drives.name(window.clip_id)))
        return futures(self.world, seed, int(at[0]), count, int(at[-1]) + 1, first)

    def pictures(self, drive: Drive, window: Window) -> np.ndarray:
        """The frames after the present one, as a video of them would be decoded: uint8 [steps, H, W, 3]."""
        rendered = render(drive, self.world, self.source_frames(window)[1:])
        converter, coder = Converter(self.frames), VideoReformatter()
        pictures = []
        for picture in rendered:
            # One thread: whoever started this job counts on it.
            coded = coder.reformat(av.VideoFrame.from_ndarray(picture, format="rgb24"), format="yuv420p", threads=1)
            pictures.append(converter.picture(coded, Orientation(), 1.0, Colours()))
        return np.stack(pictures)


def ideal_futures(windows: Sequence[Window], branching: Branching, samples: int) -> Rollouts:
    """As many other true futures of each window: frames [W, S, T, H, W, 3]; they have no latent states."""
    frames = []
    for window in Bar(windows, desc="ideal futures", unit="window", mininterval=2.0):
        drives = branching.futures(window, samples)
        frames.append(np.stack([branching.pictures(drive, window) for drive in drives]))
    scores = no_latent_scores(len(windows), samples, branching.steps)
    numbers = scores.drift, scores.error, scores.spread
    return Rollouts(np.stack(frames), *numbers, list(windows), deterministic=False)
