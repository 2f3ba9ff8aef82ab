"""Windows inside clips, over shards; and the order in which they are drawn."""

import math
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.errors import LamoError
from lamo.stores.rows import RowReader, RowWriter
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows


def shard(lengths: list[int], first: int, store: Path | None = None) -> ShardArray:
    """Rows (clip number, row in clip), in memory or stored."""
    rows = np.array([(first + c, t) for c, n in enumerate(lengths) for t in range(n)], dtype=np.int32).reshape(-1, 2)
    offsets = np.cumsum([0, *lengths])
    if store is None:
        return ShardArray(rows, offsets)
    zarr.open_group(str(store), mode="a")
    writer = RowWriter(store, f"rows{first}", (2,), "int32")
    writer.append(rows)
    writer.close()
    return ShardArray(RowReader(store / f"rows{first}"), offsets)


@pytest.fixture(scope="module")
def stored_shards(tmp_path_factory):
    """The same three shards on disk and in memory."""
    store = tmp_path_factory.mktemp("windows") / "a.zarr"
    lengths = {0: [4, 6], 5: [], 6: [7]}
    return [[shard(n, first, place) for first, n in lengths.items()] for place in (store, None)]


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


def test_a_window_is_found_in_its_shard(stored_shards):
    windows = Windows(stored_shards[1], 3)
    places = [windows.place(pick) for pick in range(len(windows))]
    assert places == [(0, 0), (0, 1), (0, 4), (0, 5), (0, 6), (0, 7), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4)]


@settings(max_examples=20)
@given(picks=st.lists(st.integers(0, 10), min_size=1, max_size=12), data=st.data())
def test_stored_rows_and_rows_in_memory_agree(stored_shards, picks, data):
    stored, held = (Windows(shards, 3) for shards in stored_shards)
    assert len(stored) == len(held) == 11
    np.testing.assert_array_equal(stored.read(picks), held.read(picks))
    np.testing.assert_array_equal(stored.read(picks, 2), held.read(picks)[:, :2])
    steps = data.draw(st.integers(1, 4))
    rows = np.array(data.draw(st.lists(st.lists(st.integers(0, 2), min_size=steps, max_size=steps),
                                       min_size=len(picks), max_size=len(picks))))  # fmt: skip
    expected = held.read(picks)[np.arange(len(picks))[:, None], rows]
    np.testing.assert_array_equal(stored.read_rows(picks, rows), expected)
    np.testing.assert_array_equal(held.read_rows(picks, rows), expected)


def test_windows_and_rows_that_there_are_not_are_errors():
    windows = Windows([shard([4], 0)], 3)
    for picks in ([2], [-1], [0, 7]):
        with pytest.raises(IndexError, match="of 2"):
            windows.read(picks)
    for rows in ([[3]], [[-1]]):
        with pytest.raises(IndexError, match="windows of 3"):
            windows.read_rows([0], np.array(rows))
    with pytest.raises(IndexError, match="windows of 3"):
        windows.read([0], 4)


def test_clips_that_are_all_too_short_are_an_error():
    with pytest.raises(LamoError, match="the longest has 4 frames, a window needs 5"):
        Windows([shard([2, 4], 0), shard([3], 5)], 5)


def test_shards_without_clips_are_an_error():
    with pytest.raises(LamoError, match="the longest has 0 frames"):
        Windows([shard([], 0)], 2)


@given(count=st.integers(1, 30), seed=st.integers(0, 2**31), place=st.integers(0, 40), number=st.integers(1, 40))
def test_any_part_of_the_order_can_be_drawn_alone(count, seed, place, number):
    whole = ShuffledOrder(count, seed).draw(0, place + number)
    np.testing.assert_array_equal(ShuffledOrder(count, seed).draw(place, number), whole[place:])


@given(count=st.integers(1, 30), batch=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_each_epoch_is_a_permutation(count, batch, seed):
    batches = ShuffledOrder(count, seed).batches(batch)
    picks = np.concatenate(list(islice(batches, math.ceil(3 * count / batch))))[: 3 * count]
    for epoch in picks.reshape(3, count):
        assert sorted(epoch.tolist()) == list(range(count))


@given(batch=st.integers(1, 20), edge=st.integers(0, 20), start=st.integers(0, 50))
def test_rows_of_a_batch_are_a_part_of_it(batch, edge, start):
    whole = islice(ShuffledOrder(17, 3).batches(batch, start), 6)
    parts = [ShuffledOrder(17, 3).batches(batch, start, rows) for rows in (slice(edge), slice(edge, None))]
    for expected in whole:
        np.testing.assert_array_equal(np.concatenate([next(part) for part in parts]), expected)


def test_the_order_follows_the_seed_and_changes_with_the_epoch():
    def orders(seed):
        return [batch.tolist() for batch in islice(ShuffledOrder(50, seed).batches(50), 4)]

    assert orders(3) == orders(3)
    assert len({tuple(order) for order in (*orders(3), *orders(4))}) == 8
    assert all(sorted(order) == list(range(50)) for order in orders(3))


def test_the_windows_of_many_clips_cost_no_memory():
    """Twenty million windows, as BDD100K has: what is held grows with the clips."""
    offsets = np.arange(0, 100_001 * 200, 200)
    tracemalloc.start()
    windows = Windows([ShardArray(np.broadcast_to(np.uint8(1), (offsets[-1], 1)), offsets)], 5)
    assert len(windows) == 100_000 * 196
    assert windows.read([len(windows) - 1]).shape == (1, 5, 1)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
