"""Reading ahead in a background thread."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """The items of an iterator, in their order; one background thread makes up to `ahead` of them in advance.

    A context manager: when it is left, the thread has ended. An exception of the iterator is raised where its item was
    due.
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
        return due.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
