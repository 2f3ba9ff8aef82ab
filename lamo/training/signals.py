"""Requests to stop: SIGTERM, and SIGUSR1, with which a scheduler announces that the job's time is nearly over."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lamo.errors import LamoError

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Stopped(LamoError):
    """The training was asked to stop, and did; the next attempt goes on from its checkpoint."""

    follows = True


class StopRequest:
    """Whether this process was asked to stop, and by which signal.

    A body that must not be left at any point runs in `noted` and looks at `signal` where it can stop. Elsewhere a
    request raises `Stopped` at once.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._waiting = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """In the body the signals come here; by default they would end the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self._asked) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """In the body a request is only noted, in `signal`."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number).name
        if not self._waiting:
            raise Stopped(f"stopped by {self.signal} before or after training; start again to go on")
