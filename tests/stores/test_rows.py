"""Rows appended in any blocks come back as one array, written shard by shard."""

import math

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from lamo.stores.rows import RowWriter


@settings(max_examples=25, deadline=None)
@given(
    blocks=st.lists(st.integers(0, 9), max_size=6),
    row=st.lists(st.integers(1, 3), max_size=3),
    chunk=st.integers(1, 3),
    chunks_per_shard=st.integers(1, 3),
    dtype=st.sampled_from(["uint8", "float16", "float32"]),
)
def test_appended_blocks_equal_their_concatenation(blocks, row, chunk, chunks_per_shard, dtype):
    files: dict = {}
    group = zarr.open_group(MemoryStore(files), mode="w")
    shard = chunk * chunks_per_shard
    writer = RowWriter(group, "values", row, dtype, chunk, shard)
    rng = np.random.default_rng(0)
    parts = [rng.integers(1, 200, (count, *row)).astype(dtype) for count in blocks]
    for count, part in zip(np.cumsum(blocks, dtype=int), parts, strict=True):
        writer.append(part)
        assert writer.rows == count
    writer.close()
    assert writer.rows == sum(blocks)
    array = zarr.open_group(MemoryStore(files), mode="r")["values"]
    np.testing.assert_array_equal(array[:], np.concatenate([np.empty((0, *row), dtype), *parts]))
    assert array.dtype == dtype
    # One object for each shard and none beyond: every shard was written once at its final place.
    assert sum("/c" in name for name in files) == math.ceil(sum(blocks) / shard)


def test_a_full_shard_is_written_before_the_end_and_the_rest_on_closing():
    group = zarr.open_group(MemoryStore(), mode="w")
    writer = RowWriter(group, "values", (2,), "int32", 2, 4)
    writer.append(np.ones((3, 2), np.int32))
    assert group["values"].shape == (0, 2)
    writer.append(np.ones((6, 2), np.int32))
    assert group["values"].shape == (8, 2)
    writer.close()
    assert group["values"].shape == (9, 2)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 4), np.uint8), np.zeros((2, 3, 1), np.uint8), np.zeros((2, 3)), np.zeros((2, 3), np.int64)],
    ids=["width", "rank", "float64", "int64"],
)
def test_rows_of_another_shape_or_type_are_refused(rows):
    writer = RowWriter(zarr.open_group(MemoryStore(), mode="w"), "values", (3,), "uint8", 1, 2)
    with pytest.raises(ValueError, match=r"expected uint8 \(n, 3\)"):
        writer.append(rows)
    assert writer.rows == 0
