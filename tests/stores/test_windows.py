"""Windows inside clips, over shards; and the order in which they are drawn."""

from itertools import islice

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from lamo.errors import LamoError
from lamo.stores.windows import ShardArray, Windows, shuffled_batches


def shard(lengths: list[int], first: int, stored: bool = False) -> ShardArray:
    """Rows (clip number, row in clip)."""
    rows = np.array([(first + c, t) for c, n in enumerate(lengths) for t in range(n)], dtype=np.int32).reshape(-1, 2)
    offsets = np.cumsum([0, *lengths])
    if stored:
        return ShardArray(zarr.open_group(MemoryStore(), mode="w").create_array("rows", data=rows), offsets)
    return ShardArray(rows, offsets)


@given(
    shards=st.lists(st.lists(st.integers(0, 7), max_size=4), min_size=1, max_size=3),
    length=st.integers(1, 5),
)
def test_windows_are_all_runs_of_consecutive_rows_inside_one_clip(shards, length):
    if all(n < length for lengths in shards for n in lengths):
        return
    windows = Windows([shard(lengths, 10 * i) for i, lengths in enumerate(shards)], length)
    expected = [
        [(10 * i + c, t) for t in range(start, start + length)]
        for i, lengths in enumerate(shards)
        for c, n in enumerate(lengths)
        for start in range(n - length + 1)
    ]
    assert len(windows) == len(expected)
    assert windows.read(np.arange(len(windows))).tolist() == np.array(expected).tolist()


@settings(max_examples=10, deadline=None)
@given(picks=st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_cached_and_uncached_reads_agree(picks):
    shards = [shard([4, 6], 0, stored=True), shard([], 5, stored=True), shard([7], 6, stored=True)]
    cached, uncached = Windows(shards, 3), Windows(shards, 3, cache_bytes=0)
    assert len(cached) == len(uncached) == 11
    np.testing.assert_array_equal(cached.read(picks), uncached.read(picks))


def test_small_shards_are_read_once_and_large_ones_window_by_window():
    class Counting:
        shape, dtype, reads = (10, 2), np.dtype(np.int32), 0

        def __getitem__(self, rows):
            Counting.reads += 1
            return np.zeros(self.shape, self.dtype)[rows]

    windows = Windows([ShardArray(Counting(), np.array([0, 10]))], 2, cache_bytes=80)
    windows.read([0, 1, 2])
    assert Counting.reads == 1
    windows = Windows([ShardArray(Counting(), np.array([0, 10]))], 2, cache_bytes=79)
    windows.read([0, 1, 2])
    assert Counting.reads == 1 + 3


def test_clips_that_are_all_too_short_are_an_error():
    with pytest.raises(LamoError, match="the longest has 4 frames, a window needs 5"):
        Windows([shard([2, 4], 0), shard([3], 5)], 5)


def test_shards_without_clips_are_an_error():
    with pytest.raises(LamoError, match="the longest has 0 frames"):
        Windows([shard([], 0)], 2)


@given(count=st.integers(1, 30), batch=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_each_epoch_is_a_permutation_without_its_remainder(count, batch, seed):
    batches = shuffled_batches(count, batch, seed)
    for _ in range(3):
        if count < batch:
            picks = next(batches)
            assert len(picks) == batch
            assert set(picks.tolist()) == set(range(count))
        else:
            picks = np.concatenate(list(islice(batches, count // batch)))
            assert len(picks) == len(set(picks.tolist())) == count // batch * batch
            assert 0 <= picks.min() <= picks.max() < count


def test_the_order_follows_the_seed_and_changes_with_the_epoch():
    def orders(seed):
        return [batch.tolist() for batch in islice(shuffled_batches(50, 50, seed), 4)]

    assert orders(3) == orders(3)
    assert len({tuple(order) for order in (*orders(3), *orders(4))}) == 8
    assert all(sorted(order) == list(range(50)) for order in orders(3))


def test_over_epochs_every_item_is_drawn():
    drawn = np.concatenate(list(islice(shuffled_batches(10, 4, 0), 40)))
    assert set(drawn.tolist()) == set(range(10))
