"""Rows appended in any blocks come back as one array, through our reader and through zarr-python."""

import gc
import multiprocessing
import os
import threading

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import CODECS, written
from zarr.codecs import Crc32cCodec

from lamo.stores import rows as rows_module
from lamo.stores.rows import RowReader, RowWriter, shard_file


@settings(max_examples=40)
@given(
    blocks=st.lists(st.integers(0, 9), max_size=6),
    row=st.lists(st.integers(1, 3), max_size=3),
    dtype=st.sampled_from(["uint8", "float16", "float32", "int64"]),
    codec=st.sampled_from(list(CODECS)),
)
def test_appended_blocks_equal_their_concatenation(tmp_path_factory, blocks, row, dtype, codec):
    store = tmp_path_factory.mktemp("rows") / "a.zarr"
    zarr.open_group(str(store), mode="w")
    writer = RowWriter(store, "values", row, dtype, CODECS[codec])
    rng = np.random.default_rng(0)
    parts = [rng.integers(1, 200, (count, *row)).astype(dtype) for count in blocks]
    for count, part in zip(np.cumsum(blocks, dtype=int), parts, strict=True):
        writer.append(part)
        assert writer.rows == count
    writer.close()
    expected = np.concatenate([np.empty((0, *row), dtype), *parts])
    for array in (RowReader(store / "values"), zarr.open_group(str(store), mode="r")["values"]):
        np.testing.assert_array_equal(array[:], expected)
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype)


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """An array for each codec that holds `TestReadsEqualNumPy.VALUES`."""
    store = tmp_path_factory.mktemp("rows") / "a.zarr"
    return [written(store, TestReadsEqualNumPy.VALUES, codec, name) for name, codec in CODECS.items()]


class TestReadsEqualNumPy:
    """Permuted, duplicated, strided, reversed, masked and negative."""

    VALUES = np.random.default_rng(3).integers(0, 9, (23, 4, 3)).astype(np.float16)

    @settings(max_examples=60)
    @given(picks=st.lists(st.integers(-23, 22), max_size=40))
    def test_by_number(self, readers, picks):
        picks = np.array(picks, dtype=np.int64)
        for reader in readers:
            np.testing.assert_array_equal(reader[picks], self.VALUES[picks])

    @settings(max_examples=60)
    @given(
        start=st.integers(-30, 30) | st.none(),
        stop=st.integers(-30, 30) | st.none(),
        step=st.integers(-4, 4).filter(bool) | st.none(),
    )
    def test_by_slice(self, readers, start, stop, step):
        key = slice(start, stop, step)
        for reader in readers:
            np.testing.assert_array_equal(reader[key], self.VALUES[key])

    @given(mask=st.lists(st.booleans(), min_size=23, max_size=23))
    def test_by_mask(self, readers, mask):
        for reader in readers:
            np.testing.assert_array_equal(reader[np.array(mask)], self.VALUES[np.array(mask)])

    def test_one_row_and_what_is_out_of_range(self, readers):
        for reader in readers:
            np.testing.assert_array_equal(reader[-1], self.VALUES[-1])
            for key in (23, -24, [0, 23]):
                with pytest.raises(IndexError):
                    reader[key]
            with pytest.raises(IndexError):
                reader[np.zeros((2, 2), dtype=int)]

    def test_into_an_array_of_the_reader(self, readers):
        for reader in readers:
            out = np.zeros((3, 5, 4, 3), np.float16)
            reader.read_into(7, out[1])
            np.testing.assert_array_equal(out[1], self.VALUES[7:12])
            assert not out[[0, 2]].any()
            for first, wrong in ((20, out[0]), (-1, out[0]), (0, out[0, :, :2])):
                with pytest.raises(IndexError):
                    reader.read_into(first, wrong)
            with pytest.raises(ValueError, match="contiguous"):
                reader.read_into(0, out[:, 0])
            with pytest.raises(ValueError, match="contiguous"):
                reader.read_into(0, np.zeros((2, 4, 3), np.float32))


def test_more_rows_than_one_read_takes(tmp_path, codec, monkeypatch):
    values = np.arange(40, dtype=np.int64).reshape(20, 2)
    monkeypatch.setattr(rows_module, "ROWS_PER_READ", 3)
    np.testing.assert_array_equal(written(tmp_path / "a.zarr", values, codec)[2:19], values[2:19])


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 4), np.uint8), np.zeros((2, 3, 1), np.uint8), np.zeros((2, 3)), np.zeros((2, 3), np.int64)],
    ids=["width", "rank", "float64", "int64"],
)
def test_rows_of_another_shape_or_type_are_refused(tmp_path, rows):
    writer = RowWriter(tmp_path, "values", (3,), "uint8")
    with pytest.raises(ValueError, match=r"expected uint8 \(n, 3\)"):
        writer.append(rows)
    assert writer.rows == 0


def test_what_zarr_wrote_in_our_layout_is_read(tmp_path):
    values = np.random.default_rng(1).integers(0, 99, (9, 5)).astype(np.float16)
    group = zarr.open_group(str(tmp_path), mode="w")
    group.create_array("values", data=values, chunks=(1, 5), shards=(9, 5), compressors=[Crc32cCodec()])
    np.testing.assert_array_equal(RowReader(tmp_path / "values")[:], values)


def test_forked_processes_and_threads_read_at_the_same_time(tmp_path, codec):
    """After the parent has read, opened Zarr and runs a thread of its own: where forks usually hang."""
    values = np.random.default_rng(0).integers(0, 99, (50, 40)).astype(np.uint8)
    reader = written(tmp_path, values, codec)
    reader[3]
    zarr.open_group(str(tmp_path), mode="r")["values"][:]
    stop = threading.Event()

    def keep_reading():
        while not stop.is_set():
            np.testing.assert_array_equal(reader[10:20], values[10:20])

    thread = threading.Thread(target=keep_reading)
    thread.start()

    def check(first):
        os._exit(0 if (reader[first:] == values[first:]).all() else 1)

    processes = [multiprocessing.get_context("fork").Process(target=check, args=(first,)) for first in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=30)
    stop.set()
    thread.join()
    assert [process.exitcode for process in processes] == [0] * 8


def test_a_reader_that_is_no_longer_used_closes_its_file(tmp_path):
    def opened():
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return sum(os.path.exists(link) and os.path.samefile(link, shard) for link in links)

    reader, shard = written(tmp_path, np.ones((4, 6), np.uint8)), shard_file(tmp_path / "values", 1)
    assert opened() == 0
    reader[0]
    reader[1]
    assert opened() == 1
    del reader
    gc.collect()
    assert opened() == 0
