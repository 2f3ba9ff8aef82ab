"""Decoding in a child process, so that a video that crashes, hangs or fills the decoder costs nothing but itself."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from lamo.errors import LamoError
from lamo.video.child import Child, ChildFullError, ChildGoneError, ChildHungError, limit_memory, serve
from lamo.video.config import FramesConfig
from lamo.video.decoded import Decoded, Part, Source, quarantined

MODULE = "lamo.video.sandbox"
GRACE_S = 5.0
# Sent by people, and by machines that run out of memory or time: they say nothing about the video.
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


class Sandbox:
    """Decodes videos in a child process; a context manager.

    `decode` is `lamo.video.decode.decode_clip` with one difference: a video at which the decoder crashes, hangs longer
    than `video_time_limit_s` or needs more than `video_memory_limit_mb` is quarantined, and the child replaced. A fault
    of LaMo itself in the child raises `RuntimeError` with the child's traceback. The child ends with its parent.
    """

    def __init__(self, config: FramesConfig, module: str = MODULE) -> None:
        self._config = config
        self._module = module
        self._child: Child | None = None
        self._asked_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None where there is none."""
        return self._child.pid if self._child else None

    def decode(self, path: str | Path, part: Part | None = None) -> Decoded:
        """Decode one video."""
        return next(self.decode_all([(path, part or Part())]))

    def decode_all(self, wanted: Iterable[tuple[str | Path, Part]]) -> Iterator[Decoded]:
        """Decode one video after the other; while one is in the caller's hands the child works on the next."""
        wanted = list(wanted)
        for index, (path, part) in enumerate(wanted):
            if index == 0:
                self._ask(path, part)
            decoded = self._outcome(path, part)
            if index + 1 < len(wanted):
                self._ask(*wanted[index + 1])
            yield decoded

    def _outcome(self, path: str | Path, part: Part) -> Decoded:
        """The answer to the question that was asked; one more chance where the child was killed from outside."""
        ends = []
        for _ in range(2):
            try:
                return self._answer()
            except ChildHungError:
                self._end()
                limit = self._config.video_time_limit_s
                return self._refused(f"the decoder took longer than {limit:g} s (frames.video_time_limit_s)")
            except ChildFullError:
                self._end()
                limit = self._config.video_memory_limit_mb
                return self._refused(f"the decoder needs more than {limit} MB (frames.video_memory_limit_mb)")
            except ChildGoneError:
                status = self._end(GRACE_S)
            if status is None or -status not in FROM_OUTSIDE:
                return self._refused(_end_of(status))
            ends.append(signal.Signals(-status).name)
            self._ask(path, part)
        raise LamoError(
            f"{path}: the process that decodes it was killed from outside, twice ({', '.join(ends)}); the machine may "
            "be short of memory: give the job more of it, or run fewer jobs at once"
        )

    def _refused(self, reason: str) -> Decoded:
        return quarantined(self._config.height, self._config.width, reason)

    def _ask(self, path: str | Path, part: Part) -> None:
        if self._child is None:
            self._child = Child(self._module, {"frames": self._config.model_dump(mode="json")})
        self._child.send({"path": os.fspath(path), "part": asdict(part)})
        self._asked_at = time.monotonic()

    def _answer(self) -> Decoded:
        assert self._child  # it was asked
        limit_s = self._config.video_time_limit_s
        answer = self._child.receive(self._asked_at + limit_s)
        try:
            times = np.array(answer["times"], dtype=np.float64)
            source, status, reason = Source(**answer["source"]), answer["status"], answer["reason"]
        except (KeyError, TypeError, ValueError):
            raise ChildGoneError("no answer") from None
        frames = np.empty((len(times), self._config.height, self._config.width, 3), dtype=np.uint8)
        self._child.receive_into(frames.reshape(-1), time.monotonic() + limit_s)
        return Decoded(frames, times, source, status, reason)

    def _end(self, grace_s: float = 0.0) -> int | None:
        child, self._child = self._child, None
        return child.end(grace_s) if child else None


def _end_of(status: int | None) -> str:
    if status is None:
        return "the decoder gave no valid answer"
    if status < 0:
        return f"the decoder crashed ({_name_of(-status)})"
    return f"the decoder ended by itself (exit status {status})"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have no name
        return f"signal {number}"


def _load(arguments: dict[str, Any]) -> Callable[[dict[str, Any]], tuple[dict[str, Any], Any]]:
    """In the child: the function that answers. Only the child imports the decoder."""
    config = FramesConfig.model_validate(arguments["frames"])
    limit_memory(config.video_memory_limit_mb)
    from lamo.video.decode import decode_clip
    from lamo.video.pictures import Converter

    converter = Converter(config)

    def answer(question: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        part = Part(**question["part"])
        decoded = decode_clip(question["path"], config, part, converter=converter)
        known = {"source": asdict(decoded.source), "status": decoded.status, "reason": decoded.reason}
        return {**known, "times": decoded.times.tolist()}, decoded.frames.reshape(-1)

    return answer


if __name__ == "__main__":
    serve(_load)
