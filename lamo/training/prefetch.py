"""Reading ahead in a background thread."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, Self, TypeVar

from lamo.training.waits import Wait

Item = TypeVar("Item")
LOOK_S = 5.0


class Prefetch(Generic[Item]):
    """The items of an iterator, in their order; one background thread makes up to `ahead` of them in advance.

    A context manager: when it is left, the thread has ended. An exception of the iterator is raised where its item was
    due. A wait for an item says what it is for, and ends with a `LamoError` (`lamo.training.waits`): a disk that is
    slow is waited for, one that never answers is not.
    """

    def __init__(self, items: Iterator[Item], ahead: int = 2) -> None:
        self._items = items
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
        self._coming = deque(self._thread.submit(next, items) for _ in range(ahead))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        due = self._coming.popleft()
        self._coming.append(self._thread.submit(next, self._items))
        _wait_for(due)
        return due.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def _wait_for(due: Future[Item]) -> None:
    waiting = Wait("a batch")
    while not wait([due], LOOK_S).done:
        waiting.check("it is being read, by a thread of this process; is the disk slow or gone?")
