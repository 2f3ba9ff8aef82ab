"""Windows of consecutive rows of clips over many shards, and the order in which a training draws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count as count_up

import numpy as np

from lamo.errors import LamoError
from lamo.stores.rows import RowReader


@dataclass(frozen=True)
class ShardArray:
    """Rows of a shard, on disk or in memory, with the offsets [C + 1] of its clips."""

    array: RowReader | np.ndarray
    offsets: np.ndarray


class Windows:
    """All windows of `length` consecutive rows that lie inside one clip, over several shards, numbered in their order.

    Raises `LamoError` if no clip is long enough.
    """

    def __init__(self, shards: Sequence[ShardArray], length: int) -> None:
        self.length = length
        self._arrays = [shard.array for shard in shards]
        # One entry per clip: a hundred thousand clips have twenty million windows, which would not fit in memory.
        sizes = [np.diff(shard.offsets) for shard in shards]
        self._owners = np.repeat(np.arange(len(shards)), [len(size) for size in sizes])
        self._starts = np.concatenate([np.empty(0, dtype=np.int64), *(shard.offsets[:-1] for shard in shards)])
        clips = np.concatenate([np.empty(0, dtype=np.int64), *sizes])
        self._ends = np.cumsum(np.maximum(0, clips - length + 1))
        if not len(self):
            longest = int(clips.max(initial=0))
            raise LamoError(f"no clip is long enough: the longest has {longest} frames, a window needs {length}")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, picks: Sequence[int] | np.ndarray, length: int | None = None) -> np.ndarray:
        """Rows of the windows `picks`, or the first `length` rows of each: [B, length, ...]."""
        length = self.length if length is None else length
        owners, starts = self._places(picks, 0, length - 1)
        out = self._empty(len(starts), length)
        for owner, start, target in zip(owners, starts, out, strict=True):
            _read(self._arrays[owner], start, target)
        return out

    def read_rows(self, picks: Sequence[int] | np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Chosen rows [B, T], counted from the start of each window, of the windows `picks`: [B, T, ...]."""
        owners, starts = self._places(picks, int(rows.min(initial=0)), int(rows.max(initial=0)))
        out = self._empty(*rows.shape)
        for owner, start, window, target in zip(owners, starts, rows, out, strict=True):
            for t, row in enumerate(window):
                _read(self._arrays[owner], start + row, target[t : t + 1])
        return out

    def place(self, pick: int) -> tuple[int, int]:
        """Number of the shard that holds the window `pick`, and its first row there."""
        owners, starts = self._places([pick], 0, 0)
        return int(owners[0]), int(starts[0])

    def _places(self, picks: Sequence[int] | np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Shard and first row of each of the windows."""
        picks = np.asarray(picks)
        if not 0 <= first <= last < self.length:
            raise IndexError(f"rows {first} to {last} of windows of {self.length}")
        if picks.size and not 0 <= picks.min() <= picks.max() < len(self):
            raise IndexError(f"windows {picks.min()} to {picks.max()} of {len(self)}")
        clips = np.searchsorted(self._ends, picks, side="right")
        return self._owners[clips], self._starts[clips] + picks - np.where(clips > 0, self._ends[clips - 1], 0)

    def _empty(self, count: int, length: int) -> np.ndarray:
        return np.empty((count, length, *self._arrays[0].shape[1:]), dtype=self._arrays[0].dtype)


def _read(array: RowReader | np.ndarray, first: int, out: np.ndarray) -> None:
    if isinstance(array, np.ndarray):
        out[:] = array[first : first + len(out)]
    else:
        array.read_into(int(first), out)


class ShuffledOrder:
    """An endless order of `count` items: epoch after epoch a new permutation, fixed by `seed` and the epoch alone.

    A place in it is the number of items drawn before, so that a training goes on where it stopped, and several
    processes share one order without talking to each other.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._epoch, self._permutation = -1, np.empty(0, dtype=np.int64)

    def draw(self, place: int, number: int) -> np.ndarray:
        """The `number` items from `place` on: [number]."""
        picks = np.empty(number, dtype=np.int64)
        done = 0
        while done < number:
            epoch, begin = divmod(place + done, self.count)
            if epoch != self._epoch:
                self._epoch = epoch
                self._permutation = np.random.default_rng([self.seed, epoch]).permutation(self.count)
            part = self._permutation[begin : begin + number - done]
            picks[done : done + len(part)] = part
            done += len(part)
        return picks

    def batches(self, batch: int, start: int = 0, rows: slice = slice(None)) -> Iterator[np.ndarray]:
        """Endless batches from place `start` on, and of each of them the `rows` (a process's share)."""
        for place in count_up(start, batch):
            yield self.draw(place, batch)[rows]
