"""Windows of consecutive rows of clips, drawn in a reproducible random order from many shards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import zarr

from lamo.errors import LamoError


@dataclass(frozen=True)
class ShardArray:
    """One array of a shard with the offsets [C + 1] of its clips."""

    array: zarr.Array | np.ndarray
    offsets: np.ndarray


class Windows:
    """All windows of `length` consecutive rows that lie inside one clip, over several shards.

    Shards that together take at most `cache_bytes` in memory are read once; larger ones are read window by window.
    Raises `LamoError` if no clip is long enough.
    """

    def __init__(self, shards: Sequence[ShardArray], length: int, cache_bytes: int = 2 * 2**30) -> None:
        self.length = length
        starts, owners = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for owner, shard in enumerate(shards):
            for begin, end in zip(shard.offsets[:-1], shard.offsets[1:], strict=True):
                first = np.arange(begin, end - length + 1)
                starts.append(first)
                owners.append(np.full(len(first), owner))
        self._starts, self._owners = np.concatenate(starts), np.concatenate(owners)
        if len(self._starts) == 0:
            longest = max(int(np.diff(shard.offsets).max(initial=0)) for shard in shards)
            raise LamoError(f"no clip is long enough: the longest has {longest} frames, a window needs {length}")
        size = sum(int(np.prod(s.array.shape)) * s.array.dtype.itemsize for s in shards)
        self._arrays = [s.array[:] if size <= cache_bytes else s.array for s in shards]

    def __len__(self) -> int:
        return len(self._starts)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Rows of the windows `indices`: [B, length, ...]."""
        picks = [(self._arrays[self._owners[i]], self._starts[i]) for i in indices]
        return np.stack([array[start : start + self.length] for array, start in picks])


def shuffled_batches(count: int, batch: int, seed: int) -> Iterator[np.ndarray]:
    """Endless index batches [batch] over `count` items: a new permutation per epoch, fixed by `seed`.

    A batch never spans two epochs; an epoch's remainder is dropped unless it is all there is.
    """
    epoch = 0
    while True:
        order = np.random.default_rng([seed, epoch]).permutation(count)
        if count < batch:
            yield np.resize(order, batch)
        for begin in range(0, count - batch + 1, batch):
            yield order[begin : begin + batch]
        epoch += 1
