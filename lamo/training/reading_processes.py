"""Processes that read batches ahead of a training: PyTorch's DataLoader, but for what it waits for without an end.

A worker hands a batch over from a thread of its own. What fails there, for want of shared memory or of open files, is
told to nobody: the batch is missing, its worker goes on, and the training waits. So here a worker puts its batch into
shared memory where an error can still be told, and the training then reads that batch itself. A batch that is missing
all the same is noticed, because each worker notes when it begins and ends to read.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from multiprocessing import active_children, get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from lamo.errors import LamoError
from lamo.training.waits import SAY_S, Wait

Draw = TypeVar("Draw")
Batch = TypeVar("Batch")
LOOK_S = 5.0
END_S = 5.0
SHARED = "/dev/shm"
logger = logging.getLogger(__name__)


class ReadingProcesses(Generic[Draw, Batch]):
    """`read(draw)` for each of `draws`, in their order, read by `workers` forked processes.

    An error of `read` is raised where its batch was due. Raises `LamoError` for a process that has ended, and after two
    minutes for a batch that was read and did not come. As long as a batch is being read it is waited for
    (`lamo.training.waits`).

    Raises:
        OSError: there is no shared memory at all.
    """

    def __init__(self, read: Callable[[Draw], Batch], draws: Iterator[Draw], workers: int) -> None:
        self._read = read
        self._notes = _Notes(workers)
        # Without a batch size every draw is handed over as it is.
        self._batches: Any = iter(DataLoader(
            _Reads(read, self._notes), batch_size=None, sampler=draws, num_workers=workers,
            multiprocessing_context="fork", collate_fn=_unchanged, timeout=LOOK_S,
            # It draws a seed for its workers, which must not come out of the generator that the training draws from.
            generator=torch.Generator(),
        ))  # fmt: skip
        self._told = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        batch: Any = self._next()
        if isinstance(batch, _Failed):
            raise LamoError(batch.message)
        if isinstance(batch, _NotShared):
            self._tell(batch.message)
            batch = self._read(batch.draw)
        found: Batch = batch
        return found

    def close(self, failed: bool = False) -> None:
        """End the processes. PyTorch asks them to and waits for a few seconds; those that do not are killed.

        `failed`: the training is left because of an error; then what is found here adds nothing to it.
        """
        try:
            self._batches._shutdown_workers()
        except RuntimeError as error:
            # The end of a process is told by a signal, which may come in the midst of this.
            if not why_ended(error):
                raise
            if not failed:
                logger.warning("after the last batch %s", why_ended(error))
        for process in active_children():
            if process.pid in set(self._notes.process):
                process.kill()
                process.join(END_S)

    def _next(self) -> Any:
        waiting = Wait("a batch")
        while True:
            try:
                return next(self._batches)
            except RuntimeError as error:
                if why_ended(error):
                    raise LamoError(why_ended(error)) from None
                # Nothing is lost by this: the next look waits for the same batch.
                if not str(error).startswith("DataLoader timed out"):
                    raise
            except (EOFError, OSError) as error:
                # A killed process closes its files before PyTorch can see that it has ended.
                patience = END_S if isinstance(error, EOFError | ConnectionError) else 0.0
                found = _first_ended(self._batches._workers, patience)
                if found is None:
                    raise
                text = f"DataLoader worker (pid {found.pid}) ended with exit code {found.exitcode}"
                raise LamoError(why_ended(RuntimeError(text))) from error
            self._notes.check(waiting)

    def _tell(self, reason: str) -> None:
        if not self._told:
            logger.warning(
                "processes that read ahead cannot hand their batches over (%s; %s): this process reads such batches "
                "itself, which takes longer; give the container more shared memory (docker run --shm-size=8g), or set "
                "the resource loader_workers to 0", reason, shared_memory(),
            )  # fmt: skip
        self._told = True


def why_ended(error: BaseException | None) -> str:
    """What PyTorch says where a worker process has ended, with what to do; empty if `error` is another one."""
    text = " ".join(str(error).split())
    if not isinstance(error, RuntimeError) or not text.startswith("DataLoader worker (pid"):
        return ""
    said = text.partition(". It is possible")[0].removeprefix("DataLoader worker ").rstrip(". ")
    return (
        f"a process that reads ahead ended: {said}; is the machine or the container short of memory ({shared_memory()}"
        ")? Give the job more of it, or lower the resource loader_workers; start again to go on from a checkpoint"
    )


def shared_memory() -> str:
    """How large the shared memory of this machine or container is."""
    try:
        found = os.statvfs(SHARED)
    except OSError:
        return f"there is no {SHARED}"
    free, total = (count * found.f_frsize / 2**20 for count in (found.f_bavail, found.f_blocks))
    return f"{SHARED} has {total:.0f} MB, {free:.0f} MB free"


def _first_ended(processes: Sequence[BaseProcess], patience: float) -> BaseProcess | None:
    """The first of these that has ended, waited for `patience` seconds."""
    ending = wait([process.sentinel for process in processes], timeout=patience)
    for process in processes:
        # Its files are closed, this one among them, a moment before it has an exit code.
        if process.sentinel in ending:
            process.join(patience)
    return next((process for process in processes if process.exitcode is not None), None)


class _Notes:
    """What each worker does, in memory that it shares with the training: its process, and when it began and ended to
    read, by the clock that all processes of a machine share."""

    def __init__(self, workers: int) -> None:
        context = get_context("fork")
        self.process, self.began, self.ended = (context.RawArray("d", workers) for _ in range(3))

    def begin(self) -> None:
        self.process[_number()] = os.getpid()
        self.began[_number()] = time.monotonic()

    def end(self) -> None:
        self.ended[_number()] = time.monotonic()

    def check(self, waiting: Wait) -> None:
        """Look at a wait; `LamoError` if no worker has read for as long as a wait says nothing."""
        now = time.monotonic()
        reading = [
            f"process {int(process)} (state {_state(int(process))}) has read since {now - began:.0f} s"
            for process, began, ended in zip(self.process, self.began, self.ended, strict=True)
            if began > ended
        ]
        if reading:
            waiting.check(f"{', '.join(reading)}; is the disk slow or gone?")
        elif min(waiting.lasted_s, now - max(self.ended)) >= SAY_S:
            raise LamoError(
                f"a batch did not come within {waiting.lasted_s:.0f} s, and no process that reads ahead is reading; is "
                f"there room in shared memory ({shared_memory()}), and are more open files allowed (ulimit -n)? Set "
                "the resource loader_workers to 0 to read in a thread"
            )


def _number() -> int:
    """The number of this worker process."""
    worker = get_worker_info()
    assert worker is not None
    return int(worker.id)


def _state(process: int) -> str:
    """The state of a process as Linux names it: S for sleeping, D for waiting for a disk, T for stopped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "unknown"


@dataclass(frozen=True)
class _Failed:
    """The message of an error in a worker. The traceback that processes add to errors would only hide it."""

    message: str


@dataclass(frozen=True)
class _NotShared:
    """A draw whose batch found no room in shared memory."""

    draw: Any
    message: str


class _Reads(Dataset[Any]):
    """In a worker: the batch of a draw."""

    def __init__(self, read: Callable[[Any], Any], notes: _Notes) -> None:
        self.read = read
        self.notes = notes

    def __getitem__(self, draw: Any) -> Any:
        self.notes.begin()
        try:
            return _shared(draw, self.read(draw))
        except LamoError as error:
            return _Failed(str(error))
        finally:
            self.notes.end()


def _shared(draw: Any, batch: Any) -> Any:
    try:
        for tensor in _tensors(batch):
            tensor.share_memory_()
    except (OSError, RuntimeError) as error:
        return _NotShared(draw, " ".join(str(error).split()))
    return batch


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        yield batch
    elif is_dataclass(batch):
        for one in fields(batch):
            yield from _tensors(getattr(batch, one.name))
    elif isinstance(batch, list | tuple):
        for part in batch:
            yield from _tensors(part)


def _unchanged(batch: object) -> object:
    return batch
