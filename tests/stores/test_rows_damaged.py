"""Damaged rows, missing files and other layouts are refused by name, and what is whole is read."""

import errno
import os

import numpy as np
import pytest
import zarr
from written_rows import written
from zarr.codecs import Crc32cCodec

from lamo.errors import LamoError
from lamo.stores import rows as rows_module
from lamo.stores.rows import RowReader, shard_file


def test_every_flipped_byte_is_refused(tmp_path, codec):
    """In a row, in its checksum, in the index and in the checksum of the index: no byte is read unnoticed."""
    values = np.random.default_rng(0).integers(0, 4, (4, 6)).astype(np.uint8)
    written(tmp_path, values, codec)
    file = shard_file(tmp_path / "values", 1)
    content = file.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x10
        file.write_bytes(changed)
        with pytest.raises(LamoError, match=r"c/0/0: the checksum of .* run its stage again"):
            RowReader(tmp_path / "values")[:]
    file.write_bytes(content)
    np.testing.assert_array_equal(RowReader(tmp_path / "values")[:], values)


def test_a_damaged_row_is_refused_and_the_others_are_read(tmp_path, codec):
    values = np.random.default_rng(0).integers(0, 250, (4, 600)).astype(np.uint8)
    reader = written(tmp_path, values, codec)
    file = shard_file(tmp_path / "values", 1)
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    np.testing.assert_array_equal(reader[1:], values[1:])
    with pytest.raises(LamoError, match="row 0"):
        reader[:2]


@pytest.mark.parametrize("left", [0, 3, 50, -1])
def test_a_truncated_shard_is_refused(tmp_path, codec, left):
    written(tmp_path, np.ones((4, 60), np.uint8), codec)
    file = shard_file(tmp_path / "values", 1)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(LamoError, match="c/0/0"):
        RowReader(tmp_path / "values")[:]


def test_a_shard_that_shrinks_while_it_is_open_is_refused(tmp_path, codec):
    reader = written(tmp_path, np.random.default_rng(0).integers(0, 250, (40, 60)).astype(np.uint8), codec)
    reader[0]
    os.truncate(shard_file(tmp_path / "values", 1), 100)
    with pytest.raises(LamoError, match="ends before row 39"):
        reader[:]


def test_a_missing_shard_is_refused(tmp_path, codec):
    written(tmp_path, np.ones((4, 6), np.uint8), codec)
    shard_file(tmp_path / "values", 1).unlink()
    with pytest.raises(LamoError, match="c/0/0: the file is missing; the store is damaged"):
        RowReader(tmp_path / "values")[:]


def test_a_shard_that_cannot_be_opened_is_not_called_damaged(tmp_path, monkeypatch):
    """Too many open files are no reason to tell anybody to delete terabytes."""
    written(tmp_path, np.ones((4, 6), np.uint8))

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(rows_module.os, "open", refuse)
    with pytest.raises(LamoError, match=r"c/0/0: cannot be opened \(Too many open files\)") as raised:
        RowReader(tmp_path / "values")[:]
    assert "delete" not in str(raised.value)


@pytest.mark.parametrize("layout", ["two chunks", "rows of two", "another codec", "no array", "no JSON"])
def test_arrays_of_another_layout_are_refused(tmp_path, layout):
    values, crc = np.ones((4, 6), np.uint8), [Crc32cCodec()]
    create = zarr.open_group(str(tmp_path), mode="w").create_array
    if layout == "two chunks":
        create("values", data=values, chunks=(1, 6), shards=(2, 6), compressors=crc)
    elif layout == "rows of two":
        create("values", data=values, chunks=(2, 6), shards=(4, 6), compressors=crc)
    elif layout == "another codec":
        create("values", data=values, chunks=(1, 6), shards=(4, 6))
    else:
        (tmp_path / "values").mkdir()
        (tmp_path / "values" / "zarr.json").write_text("{}" if layout == "no array" else "?")
    with pytest.raises(LamoError, match=r"values/zarr\.json: .* run its stage again"):
        RowReader(tmp_path / "values")
