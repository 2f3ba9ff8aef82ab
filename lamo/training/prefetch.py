"""Reading ahead in a background thread."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from threading import Thread
from typing import Generic, Self, TypeVar

from lamo.training.waits import Wait

Item = TypeVar("Item")
LOOK_S = 5.0
# A read that has begun is waited for so long when nobody wants its result any more.
JOIN_S = 5.0


class Prefetch(Generic[Item]):
    """The items of an iterator, in their order; one background thread makes up to `ahead` of them in advance.

    A context manager: when it is left, the thread has ended, unless a read hangs. An exception of the iterator is
    raised where its item was due. A wait for an item says what it is for, and ends with a `LamoError`
    (`lamo.training.waits`): a disk that is slow is waited for, one that never answers is not.
    """

    def __init__(self, items: Iterator[Item], ahead: int = 2) -> None:
        self._items = items
        self._due: SimpleQueue[Future[Item] | None] = SimpleQueue()
        # Python waits for the threads of an executor before it ends, and not for this one: it may never return.
        self._thread = Thread(target=self._make, name="prefetch", daemon=True)
        self._thread.start()
        self._coming = deque(self._submit() for _ in range(ahead))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        due = self._coming.popleft()
        self._coming.append(self._submit())
        _wait_for(due)
        return due.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for item in self._coming:
            item.cancel()
        self._due.put(None)
        self._thread.join(JOIN_S)

    def _submit(self) -> "Future[Item]":
        item: Future[Item] = Future()
        self._due.put(item)
        return item

    def _make(self) -> None:
        while (item := self._due.get()) is not None:
            if not item.set_running_or_notify_cancel():
                continue
            try:
                item.set_result(next(self._items))
            except BaseException as error:  # noqa: BLE001 - raised again where the item is due
                item.set_exception(error)


def _wait_for(due: Future[Item]) -> None:
    waiting = Wait("a batch")
    while not wait([due], LOOK_S).done:
        waiting.check("it is being read, by a thread of this process; is the disk slow or gone?")
