"""Batches of a training, read ahead of it by a thread or by processes; their order does not depend on which."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

from lamo.errors import LamoError
from lamo.training.prefetch import Prefetch
from lamo.training.reading_processes import ReadingProcesses, why_ended

Draw = TypeVar("Draw")
Batch = TypeVar("Batch")
logger = logging.getLogger(__name__)


class Loader(Generic[Draw, Batch]):
    """`read(draw)` for each of `draws`, in their order.

    A draw says which samples make up a batch and everything random about it; `read` fetches them. Draws are made in
    this process alone, so any number of `workers` gives the same batches. With 0 workers a background thread reads,
    which is best where rows are only copied. More workers are forked processes, for reading that computes, such as
    decompressing frames. What they read should be tensors, which come back through shared memory; where there is none,
    the thread reads.

    A context manager: on leaving it, thread and processes have ended. An error of `read` is raised where its batch was
    due, and so is a `LamoError` for a process that has ended. `waited_s` is the time spent so far on waiting for
    batches; a long wait says what it is for (`lamo.training.waits`).
    """

    def __init__(self, read: Callable[[Draw], Batch], draws: Iterator[Draw], workers: int = 0) -> None:
        self.waited_s = 0.0
        self._thread: Prefetch[Batch] | None = None
        self._processes: ReadingProcesses[Draw, Batch] | None = None
        self._batches: Iterator[Batch]
        try:
            if workers:
                self._batches = self._processes = ReadingProcesses(read, draws, workers)
        except OSError as error:
            logger.warning("no processes that read ahead (%s): a thread reads; set loader_workers to 0", error)
            workers = 0
        if not workers:
            self._batches = self._thread = Prefetch(map(read, draws))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        start = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.waited_s += time.perf_counter() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if self._thread:
            self._thread.__exit__(kind, error, trace)
        if self._processes:
            self._processes.close(failed=error is not None)
        # The end of a process is told by a signal, which may come in the middle of a step.
        reason = why_ended(error)
        if reason:
            raise LamoError(reason) from None
