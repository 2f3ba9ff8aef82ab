"""Signs of life between the processes of a training.

Processes wait for each other in every step, and while the first of them writes a checkpoint. How long that may take
has no natural limit: a disk can be slow. So the limit is not on the wait but on silence. A thread of each process
gives a sign of life every few seconds, whatever the process is doing, and says what that is. A process that gives none
for `SILENCE_S` was killed or stopped, or its machine is out of reach; the others then say which one it is, and end. A
process that lives is waited for, and named in the log every two minutes (`lamo.training.waits`). Time in which this
process was stopped itself does not count: a job that is suspended as a whole and resumed goes on.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from torch.distributed.distributed_c10d import Store

from lamo.training.waits import SAY_S

BEAT_S = 5.0
# A look at the others that comes later than this says that this process was stopped meanwhile.
PAUSED_S = 3 * BEAT_S
SILENCE_S = 120.0
ENDED = "has ended"
logger = logging.getLogger(__name__)


@dataclass
class _Now:
    """What the main thread of this process does, and since when [s] it waits for the other processes."""

    doing: str = "trains"
    waits_since: float | None = None


_now = _Now()


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Tell the other processes what this one does in the body: "writes a checkpoint"."""
    before, _now.doing = _now.doing, what
    try:
        yield
    finally:
        _now.doing = before


@contextmanager
def waiting() -> Iterator[None]:
    """In the body this process waits for the others, or may have to."""
    _now.waits_since = time.monotonic()
    try:
        yield
    finally:
        _now.waits_since = None


@dataclass
class _Other:
    """The last sign of another process, and when it came."""

    sign: str
    at: float

    def __str__(self) -> str:
        said = json.loads(self.sign) if self.sign else {}
        who = f"process id {said['process']} on {said['machine']}" if said else "never heard of"
        return f"{who}, which {said['doing']}" if said else who


class Heartbeat:
    """Gives signs of life of process `rank` of `count`, and watches those of the others, until `end`.

    `connect` opens a connection to the store that the processes share, for the use of this object alone: another one
    may be blocked by what waits in it. `gone(message)` is called in a thread of its own when a process is silent; it
    has to end this process, whose main thread may never return from what it does.
    """

    def __init__(self, rank: int, count: int, connect: Callable[[], Store], gone: Callable[[str], None]) -> None:
        self._rank = rank
        self._gone = gone
        self._others = {other: _Other("", time.monotonic()) for other in range(count) if other != rank}
        self._end = threading.Event()
        self._store = connect()
        self._exchanging = threading.Thread(target=self._exchange, name="heartbeat", daemon=True)
        self._exchanging.start()
        threading.Thread(target=self._watch, name="heartbeat-watch", daemon=True).start()

    def end(self, in_order: bool) -> None:
        """Give no more signs. The others then take this process for gone, unless it ended `in_order`."""
        self._end.set()
        self._exchanging.join(BEAT_S)
        if in_order and not self._exchanging.is_alive():
            # The process with the store may have ended before.
            with suppress(RuntimeError):
                self._give(ENDED)

    def _exchange(self) -> None:
        beats = 0
        while not self._end.is_set():
            beats += 1
            try:
                self._give(_now.doing, beats)
                for rank, other in self._others.items():
                    self._look(rank, other)
            except RuntimeError as error:
                # The store lies in one of the processes or in their parent. If it stays away, all are silent.
                logger.debug("no connection to the other processes: %s", error)
            self._end.wait(BEAT_S)

    def _give(self, doing: str, beat: int = 0) -> None:
        sign = {"beat": beat, "process": os.getpid(), "machine": socket.gethostname(), "doing": doing}
        self._store.set(_key(self._rank), json.dumps(sign))

    def _look(self, rank: int, other: _Other) -> None:
        if self._store.check([_key(rank)]):
            sign = self._store.get(_key(rank)).decode()
            if sign != other.sign or ENDED in sign:
                other.sign, other.at = sign, time.monotonic()

    def _watch(self) -> None:
        said = 0
        before = time.monotonic()
        while not self._end.wait(BEAT_S):
            now = time.monotonic()
            paused = now - before if now - before > PAUSED_S else 0.0
            before = now
            for rank, other in self._others.items():
                other.at += paused
                if now - other.at > SILENCE_S:
                    self._gone(
                        f"process {rank} of {len(self._others) + 1} of this training ({other}) has given no sign of "
                        f"life for {now - other.at:.0f} s: it was killed or stopped, or its machine is out of reach; "
                        "start again to go on from the last checkpoint"
                    )
            since = _now.waits_since
            lasted = now - since if since is not None else 0.0
            if lasted < SAY_S:
                said = 0
            elif lasted >= (said + 1) * SAY_S:
                said = int(lasted / SAY_S)
                logger.warning(
                    "waiting since %.0f s for other processes or for gradients of its own; the others live: %s",
                    lasted,
                    self._alive(),
                )

    def _alive(self) -> str:
        return ", ".join(f"process {rank} ({other})" for rank, other in self._others.items())


def _key(rank: int) -> str:
    return f"heartbeat/{rank}"
