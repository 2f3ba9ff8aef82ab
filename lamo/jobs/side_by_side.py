"""Processes of this machine that share a job: the one that starts them, passes signals on and says why they failed."""

import ctypes
import json
import logging
import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from lamo.errors import LamoError
from lamo.stores.atomic import write_json

PR_SET_PDEATHSIG = 1
LOOK_S = 0.1
"""How often it is looked whether one has ended."""
SAY_S, END_S, LOST_S = 10.0, 150.0, 180.0
"""Seconds after the first failure: the others are said to be waited for, made to end, and no longer waited for.

They need up to 120 s to find that one is silent (`lamo.training.heartbeat`).
"""
ERRORS = "LAMO_ERRORS"
"""Environment variable: the folder into which they hand their errors."""
_libc = ctypes.CDLL(None)
logger = logging.getLogger(__name__)


def end_with_parent() -> None:
    """Let this process get SIGTERM when the one that started it ends, however that ends.

    Else the processes of a training would go on without it, and beside those of the next start.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def hand_in(error: LamoError) -> bool:
    """Leave the error for the process that started this one, which says the first cause once; False if none waits."""
    if not Path(os.environ.get(ERRORS, "-")).is_dir():  # which is on the first machine alone
        return False
    content = {"follows": error.follows, "at": time.monotonic(), "text": str(error)}
    write_json(Path(os.environ[ERRORS]) / f"{os.getpid()}.json", content)
    return True


@dataclass(frozen=True)
class Start:
    """A process to start: what messages call it, its command and its environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def run(starts: Sequence[Start], forwarded: signal.Signals) -> None:
    """Run processes side by side, until all have ended.

    Requests to stop (SIGTERM, SIGUSR1) are passed on as `forwarded`. If one fails, the others are asked to end, and
    made to after `END_S`.

    Raises:
        LamoError: one failed; it says why, as far as that is known.
    """
    with tempfile.TemporaryDirectory(prefix="lamo-errors-") as folder:
        # Children inherit that they ignore the signal.
        before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        group = _Group(Path(folder))

        def pass_on(number: int, frame: FrameType | None) -> None:
            group.asked = signal.Signals(number).name
            _send(group.processes.values(), forwarded)

        handlers = {signal.SIGUSR1: before, signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on)}
        try:
            for one in starts:
                environment = {**one.environment, ERRORS: folder}
                group.processes[one.name] = subprocess.Popen(one.command, env=environment, preexec_fn=end_with_parent)
            signal.signal(signal.SIGUSR1, pass_on)
            group.wait()
        except KeyboardInterrupt:
            _send(group.processes.values(), signal.SIGTERM)
            group.wait()
            raise
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if reason := group.reason():
            raise LamoError(reason)


@dataclass
class _Group:
    """The started processes by name, the signal by which they were `asked` to stop, and the `first` that failed."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    asked: str | None = None
    first: list[tuple[int, str]] = field(default_factory=list)

    def wait(self) -> None:
        """Until all have ended. Those that do not end after another one failed are said, killed and given up."""
        at, said = math.inf, False
        while lives := {name: one for name, one in self.processes.items() if one.poll() is None}:
            time.sleep(LOOK_S)
            if not self.first:
                self._look()
                at = time.monotonic() if self.first else math.inf
                _send(lives.values() if self.first else (), signal.SIGTERM)
            lasted = time.monotonic() - at
            if lasted > SAY_S and not said:
                said = True
                logger.warning("%s; waiting up to %.0f s for %s", _end_of(*self.first[0]), END_S, ", ".join(lives))
            if lasted > END_S:
                _send(lives.values(), signal.SIGKILL)
            if lasted > LOST_S:
                logger.error("%s cannot be ended: %s", ", ".join(lives), [one.pid for one in lives.values()])
                break
        if not self.first:
            self._look()

    def _look(self) -> None:
        ended = ((one.returncode, name) for name, one in self.processes.items() if one.returncode)
        # One that a signal ended comes first: the others end for the loss of it.
        self.first = sorted(ended)

    def reason(self) -> str:
        """Why one failed; "" if none did. A cause comes before what follows from it."""
        if not self.first:
            return ""
        errors = [json.loads(path.read_text(encoding="utf-8")) for path in self.folder.glob("[0-9]*.json")]
        errors.sort(key=lambda error: (error["follows"], error["at"]))
        status, name = self.first[0]
        if errors and (status > 0 or not errors[0]["follows"]):
            return str(errors[0]["text"])
        if self.asked and status == -signal.SIGTERM:
            return f"stopped by {self.asked} before the training began; start again"
        return _end_of(status, name)


def _end_of(status: int, name: str) -> str:
    # A shell, and srun, say by 128 and more that a signal ended what they had started.
    number = -status if status < 0 else status - 128 if status > 128 else 0
    if not number:
        return f"{name} ended with status {status}; why stands above"
    memory = "it may be that the machine or the job is short of memory: give it more, or raise the resource batch_parts"
    return f"{name} was ended by signal {number} ({signal.strsignal(number)}); {memory}"


def _send(processes: Iterable[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for one in processes:
        one.send_signal(number)
