"""Waits that say what they are for, and that end.

How long a healthy training may have to wait has no natural limit: a disk can be slow, another process can write a
checkpoint. So there are two limits, and a third one for silence (`lamo.training.heartbeat`):

- After `SAY_S`, and each time that it has lasted as long again, a wait says in the log what it is for.
- After `END_S` it is an error, which says the same.

Time in which this process was stopped does not count.
"""

import logging
import time

from lamo.errors import LamoError

SAY_S = 120.0
# Between two looks at a wait no more than this counts: the process was stopped meanwhile.
LONGEST_LOOK_S = 30.0
END_S = 1800.0
logger = logging.getLogger(__name__)


class Wait:
    """One wait, from now on; `what` it is for: "a batch to be read". Look at it by `check` every few seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._looked = time.monotonic()
        self._lasted = 0.0
        self._said = 0

    @property
    def lasted_s(self) -> float:
        """How long it has lasted."""
        now = time.monotonic()
        self._lasted += min(now - self._looked, LONGEST_LOOK_S)
        self._looked = now
        return self._lasted

    def check(self, reason: str) -> None:
        """Say in the log that the wait goes on, if it is time to; `reason`: what is known of why it lasts.

        Raises `LamoError` after `END_S`.
        """
        lasted = self.lasted_s
        text = f"waiting for {self._what} since {lasted:.0f} s: {reason}"
        if lasted >= END_S:
            raise LamoError(f"{text}; given up after {END_S:.0f} s")
        if lasted >= (self._said + 1) * SAY_S:
            self._said = int(lasted / SAY_S)
            logger.warning("%s; it goes on", text)
