"""Converting a decoded frame to the picture that is stored: upright, scaled, cut to size, RGB."""

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from lamo.video.colour import BT2020, UNSAID, Colours
from lamo.video.config import FramesConfig
from lamo.video.decoded import UnusableError
from lamo.video.orientation import Orientation


class Converter:
    """Converts the frames of one video after the other to pictures uint8 [H, W, 3] of the configured size.

    It keeps one scaler for all frames: building one costs about as much as using it.
    """

    def __init__(self, config: FramesConfig) -> None:
        self._config = config
        self._scaler = VideoReformatter()

    def picture(
        self, frame: av.VideoFrame, orientation: Orientation, pixel_aspect: float, colours: Colours
    ) -> np.ndarray:
        """The frame upright, scaled by area averaging and fitted to the target size: uint8, or uint16 where `colours`
        are still to be converted. `pixel_aspect`: a pixel's width by its height.

        Raises `UnusableError` where the scaler knows no way from the frame's pixel format.
        """
        height, width = self._config.height, self._config.width
        if orientation.turns % 2:
            height, width = width, height
        cover_height, cover_width = height, width
        if self._config.fit == "crop":
            # Pixels need not be square: what counts is the shape of the picture on a screen.
            shown = frame.width * pixel_aspect / frame.height
            cover_height = max(height, round(width / shown))
            cover_width = max(width, round(height * shown))
        picture = self._scaled(frame, cover_height, cover_width, colours)
        top, left = (cover_height - height) // 2, (cover_width - width) // 2
        return orientation.upright(picture[top : top + height, left : left + width])

    def _scaled(self, frame: av.VideoFrame, height: int, width: int, colours: Colours) -> np.ndarray:
        pixels = "rgb24" if colours == Colours() else "rgb48le"
        # Else ffmpeg takes BT.601's matrix.
        matrix = Colorspace.BT2020 if colours.primaries == BT2020 and frame.colorspace in UNSAID[1:] else None
        try:
            # One thread: whoever started this job counts on it.
            scaled = self._scaler.reformat(
                frame,
                width=width,
                height=height,
                format=pixels,
                src_colorspace=matrix,
                interpolation=Interpolation.AREA,
                threads=1,
            )
            return scaled.to_ndarray()
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            raise UnusableError(f"a frame of format {frame.format.name} cannot be converted ({error})") from error
