"""Rows of a Zarr v3 array: every row a chunk with its checksum, one after another in one shard file.

The files are what zarr-python would write, and zarr-python can read them. They are read and written here directly,
because a training reads millions of short windows. Any run of rows is a single read of exactly its bytes, into the
array where they are wanted. No thread is involved, so forked workers cannot deadlock. docs/stores.md has measurements.
"""

import json
import os
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Any

import google_crc32c
import numcodecs.blosc
import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from lamo.errors import LamoError

CRC_BYTES = 4
# Blosc's threads would not survive a fork.
numcodecs.blosc.use_threads = False
# preadv takes at most 1,024 buffers, two of which a row needs.
ROWS_PER_READ = 512
RAW, COMPRESSED = ["bytes", "crc32c"], ["bytes", "blosc", "crc32c"]


class RowWriter:
    """Appends rows to the array `name` of the Zarr group at `store`, and writes them as they come.

    Rows are compressed if a `codec` is given. Call `close` at the end: before, the array does not exist.
    """

    def __init__(
        self, store: Path, name: str, row_shape: Sequence[int], dtype: str, codec: BloscCodec | None = None
    ) -> None:
        self._path, self._row_shape, self._dtype = Path(store) / name, tuple(row_shape), np.dtype(dtype)
        self._codec = codec
        self._compress = numcodecs.blosc.Blosc(**_settings(codec)).encode if codec else None
        self._sizes: list[int] = []
        shard = shard_file(self._path, len(self._row_shape))
        shard.parent.mkdir(parents=True)
        self._file = shard.open("wb", buffering=1 << 20)

    @property
    def rows(self) -> int:
        """Number of rows appended so far."""
        return len(self._sizes)

    def append(self, rows: np.ndarray) -> None:
        """Append `rows` [n, *row_shape]; refuses another shape or a dtype that cannot be cast safely."""
        if rows.shape[1:] != self._row_shape or not np.can_cast(rows.dtype, self._dtype, "same_kind"):
            raise ValueError(
                f"array {self._path.name}: got rows {rows.dtype} {rows.shape}, "
                f"expected {self._dtype} (n, {', '.join(map(str, self._row_shape))})"
            )
        for row in np.ascontiguousarray(rows, dtype=self._dtype.newbyteorder("<")):
            chunk = self._compress(row) if self._compress else row.tobytes()
            self._file.write(chunk)
            self._file.write(_crc(chunk).to_bytes(CRC_BYTES, "little"))
            self._sizes.append(len(chunk) + CRC_BYTES)

    def close(self) -> None:
        """Write the index of the shard and the description of the array."""
        sizes = np.array(self._sizes, dtype="<u8")
        index = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1).astype("<u8").tobytes()
        with self._file as file:
            file.write(index + _crc(index).to_bytes(CRC_BYTES, "little"))
        shard = shard_file(self._path, len(self._row_shape))
        if not len(sizes):
            shard.unlink()
        compressors = [self._codec, Crc32cCodec()] if self._codec else [Crc32cCodec()]
        zarr.create_array(
            str(self._path),
            shape=(len(sizes), *self._row_shape),
            chunks=(1, *self._row_shape),
            shards=(max(1, len(sizes)), *self._row_shape),
            dtype=self._dtype,
            compressors=compressors,
        )


class RowReader:
    """Reads rows of an array that `RowWriter` wrote; it is indexed like a NumPy array along the first axis.

    A row's checksum is compared the first time that this object reads the row. The object holds one open file and no
    thread or lock, so threads and forked processes may share it.
    Raises `LamoError`, naming the file, if the array has another layout, or if a byte that is read was changed or is
    missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        described = _description(self.path)
        self.shape: tuple[int, ...] = tuple(described["shape"])
        self.dtype = np.dtype(described["data_type"]).newbyteorder("<")
        inner = described["codecs"][0]["configuration"]["codecs"]
        self._compressed = [codec["name"] for codec in inner] == COMPRESSED
        self._file = shard_file(self.path, len(self.shape) - 1)
        self._checked = np.zeros(len(self), dtype=bool)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice | EllipsisType | Sequence[int] | np.ndarray) -> np.ndarray:
        """Rows by number, slice, or array of numbers or truth values, as NumPy understands them."""
        rows = np.arange(len(self))[key]
        if rows.ndim > 1:
            raise IndexError(f"{self.path}: rows can be picked along the first axis only")
        picked = np.atleast_1d(rows)
        out = np.empty((len(picked), *self.shape[1:]), dtype=self.dtype)
        borders = np.flatnonzero(np.diff(picked) != 1) + 1
        for begin, end in zip([0, *borders], [*borders, len(picked)], strict=True):
            if end > begin:
                self.read_into(int(picked[begin]), out[begin:end])
        return out if rows.ndim else out[0]

    def read_into(self, first: int, out: np.ndarray) -> None:
        """Read rows from `first` on into `out` [n, *row_shape], which must be contiguous and of the array's dtype."""
        if not 0 <= first <= first + len(out) <= len(self) or out.shape[1:] != self.shape[1:]:
            raise IndexError(
                f"{self.path}: rows {first} to {first + len(out)} of shape {out.shape[1:]}, has {self.shape}"
            )
        if out.dtype != self.dtype or not out.flags.c_contiguous:
            raise ValueError(f"{self.path}: rows can be read into contiguous {self.dtype} only, found {out.dtype}")
        read = self._read_compressed if self._compressed else self._read_raw
        for begin in range(0, len(out), ROWS_PER_READ):
            read(first + begin, out[begin : begin + ROWS_PER_READ])

    def _read_raw(self, first: int, out: np.ndarray) -> None:
        rows = out.reshape(len(out), -1).view(np.uint8)
        sums = np.empty(len(out), dtype="<u4")
        # As memory views: NumPy's types say nothing of buffers before Python 3.12.
        buffers = [buffer.data for i in range(len(out)) for buffer in (rows[i], sums[i : i + 1])]
        begin, end = self._bounds(first, len(out))
        if os.preadv(self._descriptor, buffers, begin) != end - begin:
            raise self._damaged(f"it ends before row {first + len(out) - 1} does")
        if not self._checked[first : first + len(out)].all():
            for i in range(len(out)):
                self._check(first + i, rows[i], int(sums[i]))

    def _read_compressed(self, first: int, out: np.ndarray) -> None:
        begin, end = self._bounds(first, len(out))
        content = np.frombuffer(os.pread(self._descriptor, end - begin, begin), dtype=np.uint8)
        if len(content) != end - begin:
            raise self._damaged(f"it ends before row {first + len(out) - 1} does")
        borders = np.asarray(self._borders[first : first + len(out) + 1]) - begin
        rows = out.reshape(len(out), -1)
        for i in range(len(out)):
            chunk = content[borders[i] : borders[i + 1]]
            if not self._checked[first + i]:
                self._check(first + i, chunk[:-CRC_BYTES], int.from_bytes(chunk[-CRC_BYTES:].tobytes(), "little"))
            numcodecs.blosc.decompress(chunk[:-CRC_BYTES], rows[i])

    def _bounds(self, first: int, count: int) -> tuple[int, int]:
        borders = self._borders
        return (int(borders[first]), int(borders[first + count])) if count else (0, 0)

    def _check(self, row: int, content: Any, expected: int) -> None:
        if _crc(content) != expected:
            raise self._damaged(f"the checksum of row {row} does not agree with its bytes")
        self._checked[row] = True

    @cached_property
    def _descriptor(self) -> int:
        try:
            descriptor = os.open(self._file, os.O_RDONLY)
        except FileNotFoundError:
            raise self._damaged("the file is missing") from None
        except OSError as error:
            raise LamoError(
                f"{self._file}: cannot be opened ({error.strerror}); its content was not looked at"
            ) from error
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    @cached_property
    def _borders(self) -> np.ndarray | range:
        """Where each row begins in the file, and where the last one ends: N + 1 numbers."""
        count = 16 * len(self)
        size = os.fstat(self._descriptor).st_size
        content = os.pread(self._descriptor, count + CRC_BYTES, max(0, size - count - CRC_BYTES))
        index, total = content[:count], content[count:]
        if len(content) != count + CRC_BYTES or _crc(index) != int.from_bytes(total, "little"):
            raise self._damaged("the checksum of its index does not agree")
        begins, sizes = np.frombuffer(index, dtype="<u8").reshape(-1, 2).astype(np.int64).T
        raw = int(np.prod(self.shape[1:])) * self.dtype.itemsize + CRC_BYTES
        borders = np.append(0, np.cumsum(sizes))
        if (begins != borders[:-1]).any() or (not self._compressed and (sizes != raw).any()):
            raise self._damaged("its rows do not follow one another as written")
        return borders if self._compressed else range(0, raw * len(self) + 1, raw)

    def _damaged(self, what: str) -> LamoError:
        return LamoError(f"{self._file}: {what}; the store is damaged, delete it and run its stage again")


def shard_file(array: Path, row_dimensions: int) -> Path:
    """The one shard file of an array, named as Zarr v3 does."""
    return array.joinpath("c", *["0"] * (1 + row_dimensions))


def _description(path: Path) -> dict[str, Any]:
    file = path / "zarr.json"
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        shape, (codec,) = described["shape"], described["codecs"]
        inner = codec["configuration"]
        names = [step["name"] for step in inner["codecs"]]
        whole = [max(1, shape[0]), *shape[1:]] == described["chunk_grid"]["configuration"]["chunk_shape"]
        known = whole and names in (RAW, COMPRESSED) and list(inner["chunk_shape"]) == [1, *shape[1:]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LamoError(f"{file}: not the description of an array ({error}); run its stage again") from error
    if not known:
        raise LamoError(
            f"{file}: found chunks {inner['chunk_shape']} with codecs {names} of shape {shape}, expected one row a "
            f"chunk, one shard and codecs {RAW} or {COMPRESSED}; run its stage again"
        )
    return described


def _settings(codec: BloscCodec) -> dict[str, Any]:
    shuffles = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
    return {"cname": codec.cname.value, "clevel": codec.clevel, "shuffle": shuffles[codec.shuffle.value]}


def _crc(content: Any) -> int:
    return google_crc32c.value(content)
