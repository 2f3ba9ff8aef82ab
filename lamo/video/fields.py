"""Interlaced video: frames of two fields, taken one after the other, become frames of one time."""

from collections import deque
from collections.abc import Iterable, Iterator

import av
from av.filter import Graph

from lamo.video.filtering import graph_for, kind_of

# The field orders of libavcodec by their numbers. Of two letters the first says which field is stored first, the second
# which is shown first: t the top one, b the bottom one.
ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
SHOWN_FIRST = {"tt": "tff", "bt": "tff", "bb": "bff", "tb": "bff"}


class Deinterlacer:
    """Deinterlaces the frames of one video: libavfilter's bwdif keeps the field that is shown first.

    Frames say themselves whether they are interlaced. Only where the stream states an order of fields and no frame has
    said anything yet, the stream is believed. `stated`: that order, a value of `ORDERS` or None. Progressive frames
    are left as they are, and so is a frame alone, without a neighbour of its kind.
    """

    def __init__(self, stated: str | None = None) -> None:
        self._stated = stated
        self._frames_say_so = False
        self._seen = 0
        self._treated = 0
        self._alone = 0
        self._problem = ""
        self._graph: Graph | None = None
        self._built_for: tuple[object, ...] = ()
        self._pushed = 0
        self._inside: deque[av.VideoFrame] = deque()

    @property
    def order(self) -> str | None:
        """The order of the fields; `mixed` of a video that is interlaced in part, `interlaced` where it is unknown."""
        if not self._treated:
            return self._stated
        if self._treated < self._seen:
            return "mixed"
        return self._stated if self._stated in SHOWN_FIRST else "interlaced"

    def frames(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The same number of frames in the same order, at the same times."""
        for frame in frames:
            self._seen += 1
            if frame.interlaced_frame or self._graph or (self._stated in SHOWN_FIRST and not self._frames_say_so):
                yield from self._deinterlaced(frame)
            else:
                yield frame
        yield from self._rest()

    def notes(self) -> Iterator[str]:
        """What was done, or why it could not be done."""
        if self._problem:
            yield f"interlaced and left so ({self._problem})"
        elif self._treated and self._alone == self._treated:
            yield f"interlaced and left so ({'a frame alone' if self._alone == 1 else 'frames alone'})"
        elif self._treated:
            share = "" if self._treated == self._seen else f" in {self._treated} of {self._seen} frames"
            whose = "" if self._frames_say_so else f" by its stream ({self._stated}), though not by its frames"
            alone = "1 frame" if self._alone == 1 else f"{self._alone} frames"
            but = f", but for {alone} alone among others of another kind" if self._alone else ""
            yield f"interlaced{share}{whose}: deinterlaced{but}"

    def _deinterlaced(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self._frames_say_so |= frame.interlaced_frame
        self._treated += frame.interlaced_frame or not self._frames_say_so
        if self._problem:
            yield frame
            return
        kind = (*kind_of(frame), self._frames_say_so)
        if kind != self._built_for:
            yield from self._rest()
        self._inside.append(frame)
        try:
            self._graph = self._graph or self._built(frame)
            self._built_for = kind
            self._graph.push(frame)
            self._pushed += 1
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            self._problem = f"a frame of {frame.width} x {frame.height}, {frame.format.name}: {error}"
        yield from self._outputs()
        if self._problem:
            yield from self._rest()

    def _built(self, frame: av.VideoFrame) -> Graph:
        if self._frames_say_so:
            return graph_for(frame, "bwdif", mode="send_frame", parity="auto", deint="interlaced")
        return graph_for(frame, "bwdif", mode="send_frame", parity=SHOWN_FIRST[str(self._stated)], deint="all")

    def _outputs(self) -> Iterator[av.VideoFrame]:
        """The frames that the graph has ready. It halves the unit of time, which is set back."""
        while self._graph and self._inside:
            try:
                done = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            except MemoryError:
                raise
            except av.FFmpegError as error:
                self._problem = str(error)
                return
            given = self._inside.popleft()
            done.pts, done.dts = given.pts, given.dts
            if given.time_base is not None:
                done.time_base = given.time_base
            yield done

    def _rest(self) -> Iterator[av.VideoFrame]:
        """What is still inside the graph, which ends; where it has failed, the frames as they went in."""
        if self._graph and not self._problem:
            if self._pushed == 1:
                # Without a neighbour the filter takes everything for still, and leaves the fields as they are.
                believed = not self._built_for[-1]
                self._alone += sum(believed or frame.interlaced_frame for frame in self._inside)
            self._graph.push(None)
            yield from self._outputs()
        self._graph, self._pushed = None, 0
        yield from self._inside
        self._inside.clear()
