"""Converting a decoded frame to the picture that is stored: upright, scaled, cut to size, RGB."""

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from lamo.video.colour import Colours, matrix_of
from lamo.video.config import FramesConfig
from lamo.video.decoded import UnusableError
from lamo.video.orientation import Orientation

# A picture is scaled to cover the frame, then cut. Where that asks for a longer side than this, a number is damaged.
MOST_PIXELS = 32768


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

        Raises `UnusableError` where the scaler knows no way from the frame's pixel format, and where the picture is far
        too long or too high for its other side.
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
            if max(cover_height, cover_width) > MOST_PIXELS:
                raise UnusableError(
                    f"a picture of {frame.width} x {frame.height} pixels, each {pixel_aspect:.4g} times as wide as "
                    f"high, cannot be cut to {width} x {height}: scaled it would be longer than {MOST_PIXELS} pixels"
                )
        picture = self._scaled(frame, cover_height, cover_width, colours)
        top, left = (cover_height - height) // 2, (cover_width - width) // 2
        return orientation.upright(picture[top : top + height, left : left + width])

    def _scaled(self, frame: av.VideoFrame, height: int, width: int, colours: Colours) -> np.ndarray:
        pixels = "rgb24" if colours == Colours() else "rgb48le"
        try:
            # One thread: whoever started this job counts on it.
            scaled = self._scaler.reformat(
                frame,
                width=width,
                height=height,
                format=pixels,
                src_colorspace=matrix_of(frame, colours),
                interpolation=Interpolation.AREA,
                threads=1,
            )
            return scaled.to_ndarray()
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            raise UnusableError(f"a frame of format {frame.format.name} cannot be converted ({error})") from error
