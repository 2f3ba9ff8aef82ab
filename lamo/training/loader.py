"""Batches of a training, read ahead of it by a thread or by processes; their order does not depend on which."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from lamo.errors import LamoError
from lamo.training.prefetch import Prefetch

Draw = TypeVar("Draw")
Batch = TypeVar("Batch")


class Loader(Generic[Draw, Batch]):
    """`read(draw)` for each of `draws`, in their order.

    A draw says which samples make up a batch and everything random about it; `read` fetches them. Draws are made in
    this process alone, so any number of `workers` gives the same batches. With 0 workers a background thread reads,
    which is best where rows are only copied. More workers are forked processes, for reading that computes, such as
    decompressing frames. What they read should be tensors, which come back through shared memory.

    A context manager: on leaving it, thread and processes have ended. An error of `read` is raised where its batch was
    due. `waited_s` is the time spent so far on waiting for batches.
    """

    def __init__(self, read: Callable[[Draw], Batch], draws: Iterator[Draw], workers: int = 0) -> None:
        self.waited_s = 0.0
        self._thread = None if workers else Prefetch(map(read, draws))
        self._batches: Iterator[Batch] = self._thread or iter(_processes(read, draws, workers))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        start = time.perf_counter()
        batch = next(self._batches)
        self.waited_s += time.perf_counter() - start
        if isinstance(batch, _Failed):
            raise LamoError(batch.message)
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        # Worker processes end when nothing refers to their iterator any more.
        self._batches = iter(())
        if self._thread:
            self._thread.__exit__(*exception)


@dataclass(frozen=True)
class _Failed:
    """The message of an error in a worker. The traceback that processes add to errors would only hide it."""

    message: str


class _Reads(Dataset[Any]):
    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __getitem__(self, draw: Any) -> Any:
        try:
            return self.read(draw)
        except LamoError as error:
            return _Failed(str(error))


def _processes(read: Callable[[Any], Any], draws: Iterator[Any], workers: int) -> DataLoader[Any]:
    # Without a batch size every draw is handed over as it is.
    return DataLoader(
        _Reads(read), batch_size=None, sampler=draws, num_workers=workers, multiprocessing_context="fork",
        collate_fn=_unchanged,
        # It draws a seed for its workers, which must not come out of the generator that the training draws from.
        generator=torch.Generator(),
    )  # fmt: skip


def _unchanged(batch: object) -> object:
    return batch
