"""The crop that a container asks for."""

from dataclasses import dataclass

import av
from av.filter import Graph

from lamo.video.decoded import UnusableError
from lamo.video.filtering import graph_for, kind_of


@dataclass(frozen=True)
class Crop:
    """Pixels to be left out at the sides of the stored picture, before it is turned."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def note(self) -> str:
        """What was done."""
        sides = f"{self.left} left, {self.right} right, {self.top} above, {self.bottom} below"
        return f"cropped as the container asks, pixels: {sides}"


class Cropper:
    """Crops the frames of one video."""

    def __init__(self, crop: Crop) -> None:
        self._crop = crop
        self._graph: Graph | None = None
        self._built_for: tuple[object, ...] = ()

    def cropped(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame without what lies outside of the crop; `UnusableError` if nothing is left or it cannot be done."""
        crop = self._crop
        if crop == Crop():
            return frame
        width, height = frame.width - crop.left - crop.right, frame.height - crop.top - crop.bottom
        if width <= 0 or height <= 0:
            raise UnusableError(f"asks for a crop that leaves nothing of a picture of {frame.width} x {frame.height}")
        sides = {"w": str(width), "h": str(height), "x": str(crop.left), "y": str(crop.top), "exact": "1"}
        try:
            if self._graph is None or kind_of(frame) != self._built_for:
                self._graph, self._built_for = graph_for(frame, "crop", **sides), kind_of(frame)
            self._graph.push(frame)
            return self._graph.vpull()
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            raise UnusableError(f"a frame of format {frame.format.name} cannot be cropped ({error})") from error
