"""Some clips of a split, without opening more of its shards than they need."""

from collections.abc import Iterable, Sized
from typing import TypeVar

from lamo.errors import LamoError

Store = TypeVar("Store", bound=Sized)


def open_enough(stores: Iterable[Store], clips: int) -> list[Store]:
    """The first of `stores`, opened as they are iterated over, that together hold `clips` clips; at most all of them.

    A clip's shard follows from a hash of its id, so the first shards are a fair sample. Raises `LamoError` if there is
    no clip at all.
    """
    opened, held = [], 0
    for store in stores:
        if len(store):
            opened.append(store)
            held += len(store)
        if held >= clips:
            break
    if not opened:
        raise LamoError("the stores of this split hold no clips; see clips.parquet for why every clip was quarantined")
    return opened
