"""The frames of any video as a model sees them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamo.errors import LamoError
from lamo.model.bundle import FrameFormat
from lamo.video.config import FramesConfig
from lamo.video.decoded import QUARANTINED
from lamo.video.sandbox import Sandbox

# Of a moment that is named, against the rounding of a grid time; s.
TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class VideoFrames:
    """Frames of a video on a model's time grid.

    Attributes:
        path: the video.
        frames: uint8 [n, H, W, 3].
        times_s: times of the grid [n] after the first frame; s. The frame that is shown may be up to half a frame off.
        repaired: what was wrong with the video and what was done, as of one that is cut off; empty if nothing.
    """

    path: Path
    frames: np.ndarray
    times_s: np.ndarray
    repaired: str = ""

    def until(self, at_s: float | None, needed: int) -> int:
        """Number of frames up to `at_s` (None: to the end), which are observed.

        Raises:
            LamoError: the video ends before, or fewer than `needed` frames come until then.
        """
        end_s, step_s = float(self.times_s[-1]), float(np.diff(self.times_s[:2]).max(initial=0.0))
        if at_s is not None and not 0 <= at_s <= end_s + step_s:
            raise LamoError(
                f"{self.path}: found the moment {at_s:g} s, expected one within the video, 0 to {end_s:g} s"
            )
        count = len(self.times_s) if at_s is None else int((self.times_s <= at_s + TOLERANCE_S).sum())
        if count < needed:
            seen = f"{end_s if at_s is None else at_s:g} s"
            enough = needed <= len(self.times_s)
            remedy = f"name a moment from {self.times_s[needed - 1]:g} s on" if enough else "give a longer video"
            raise LamoError(
                f"{self.path}: found {count} frames up to {seen}, expected at least {needed}, which show how things "
                f"move; {remedy}"
            )
        return count


def read_video(path: str | Path, frames: FrameFormat) -> VideoFrames:
    """Read a video of any size, rate and rotation at the size and rate of a model.

    Raises:
        LamoError: it is no video, or no frame of it can be decoded.
    """
    config = FramesConfig(**frames.model_dump(), min_frames=1)
    with Sandbox(config) as sandbox:
        decoded = sandbox.decode(path)
    if decoded.status == QUARANTINED:
        raise LamoError(f"{path}: found no usable video: {decoded.reason}; give a video file")
    times_s = np.round(decoded.times * frames.rate_hz) / frames.rate_hz
    return VideoFrames(Path(path), decoded.frames, times_s, decoded.reason)
