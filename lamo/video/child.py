"""A Python module run in a child process that answers questions, with a time limit for every answer.

The child is a fresh Python (`python -m MODULE`), not a fork: whoever starts it needs no `__main__` guard. A message is
the length of a line of JSON (8 bytes, big endian) and the line; raw bytes may follow. Nothing is pickled.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 120.0
END_LIMIT_S = 1.0
KILL_LIMIT_S = 30.0
MOST_JSON_BYTES = 256 * 2**20
PR_SET_PDEATHSIG = 1
FAULT, FULL = "fault of the code", "out of memory"
# One thread: the linear algebra that numpy brings along would start a pool for nothing.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


class ChildGoneError(Exception):
    """The child has ended, or what it says is no message."""


class ChildHungError(Exception):
    """The child has not answered in time."""


class ChildFullError(Exception):
    """The child needed more memory than it may have for its answer."""


class Child:
    """A running child process. It ends when its parent does, even by a kill. Its standard error goes to a file."""

    def __init__(self, module: str, arguments: dict[str, Any]) -> None:
        """Start `module`, which must call `serve`; `RuntimeError` if that fails."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        # -P: the working directory is no place to import from.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(os.getpid()), json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        try:
            self.receive(time.monotonic() + START_LIMIT_S)
        except (ChildGoneError, ChildHungError):
            status = None
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(END_LIMIT_S)
            self._process.kill()
            self._process.wait(KILL_LIMIT_S)
            said = self.said() or "it says nothing"
            self.end()
            killed = "; it was killed: is the machine short of memory?" if status == -signal.SIGKILL else ""
            raise RuntimeError(f"python -m {module} does not start: {said}{killed}") from None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """The end of what it wrote to standard error."""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4000))
        return self._errors.read().decode(errors="replace").strip()

    def send(self, message: dict[str, Any]) -> None:
        """Hand over a question. A child that has ended is noticed by `receive`."""
        with suppress(BrokenPipeError):
            self._questions.write(json.dumps(message).encode() + b"\n")
            self._questions.flush()

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message, waited for until `deadline` of the monotonic clock.

        Raises one of the three errors above, or `RuntimeError` with the child's traceback if its code raised anything.
        """
        length = bytearray(8)
        self.receive_into(length, deadline)
        count = int.from_bytes(length, "big")
        if count > MOST_JSON_BYTES:
            raise ChildGoneError("no message")
        text = bytearray(count)
        self.receive_into(text, deadline)
        try:
            message = json.loads(text)
        except ValueError:
            raise ChildGoneError("no message") from None
        if not isinstance(message, dict):
            raise ChildGoneError("no message")
        if FAULT in message:
            raise RuntimeError(f"a fault in the child process {self.pid}:\n{message[FAULT]}")
        if message.get(FULL):
            raise ChildFullError
        return message

    def receive_into(self, buffer: Any, deadline: float) -> None:
        """Fill `buffer` with raw bytes; what has already arrived is read also after the deadline."""
        view = memoryview(buffer)
        while len(view):
            if not self._poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
                raise ChildHungError
            count = os.readv(self._answers.fileno(), [view])
            if not count:
                raise ChildGoneError
            view = view[count:]

    def end(self, grace_s: float = 0.0) -> int | None:
        """Wait `grace_s` for the child to end, then kill it.

        Its exit status: negative for a signal, None if it was killed here. A process that no signal reaches, as it
        waits for a broken disk, is left behind.
        """
        status = None
        try:
            status = self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_LIMIT_S)
        for file in (self._answers, self._errors):
            file.close()
        with suppress(BrokenPipeError):
            self._questions.close()
        return status


def serve(load: Callable[[dict[str, Any]], Callable[[dict[str, Any]], tuple[dict[str, Any], Any]]]) -> None:
    """Be the child: answer questions from standard input until it ends.

    `load(arguments)` returns the function that maps a question to a message and the raw bytes that follow it.
    """
    parent, arguments = int(sys.argv[1]), json.loads(sys.argv[2])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    # Ctrl-C reaches the whole process group; the parent decides what becomes of the child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whatever else writes to standard output must not end up among the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer = load(arguments)
    # What was loaded stays: the collector need not look at it again, which makes a collection after each answer cheap.
    gc.freeze()
    _write(out, {}, b"")
    for line in sys.stdin.buffer:
        try:
            answered = answer(json.loads(line))
        except MemoryError:
            answered = {FULL: True}, b""
        except Exception:  # noqa: BLE001 - the parent hears of it
            answered = {FAULT: traceback.format_exc()}, b""
        _write(out, *answered)
        del answered
        gc.collect()


def limit_memory(megabytes: int) -> None:
    """Let this process have at most so much address space, in 2^20 bytes."""
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _write(out: IO[bytes], message: dict[str, Any], raw: Any) -> None:
    text = json.dumps(message).encode()
    out.write(len(text).to_bytes(8, "big") + text)
    out.write(raw)
    out.flush()
