"""Appending rows to a sharded Zarr v3 array in whole shards."""

from collections.abc import Sequence

import numpy as np
import zarr
from zarr.codecs import BloscCodec


class RowWriter:
    """Appends rows to one array of a group; a shard is compressed and written once, when it is full.

    `row_shape` is the shape of one row; `chunk_rows` what one read needs; `shard_rows` (a multiple of it) what one
    write produces. Call `close` to write the last, partly filled shard.
    """

    def __init__(
        self, group: zarr.Group, name: str, row_shape: Sequence[int], dtype: str, chunk_rows: int, shard_rows: int
    ) -> None:
        self._array = group.create_array(
            name,
            shape=(0, *row_shape),
            chunks=(chunk_rows, *row_shape),
            shards=(shard_rows, *row_shape),
            dtype=dtype,
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
        )
        self._shard_rows = shard_rows
        self._written = 0
        self._pending: list[np.ndarray] = []

    @property
    def rows(self) -> int:
        """Number of rows appended so far."""
        return self._written + sum(len(block) for block in self._pending)

    def append(self, rows: np.ndarray) -> None:
        """Append `rows` [n, *row_shape]; refuses another shape or a dtype that cannot be cast safely."""
        if rows.shape[1:] != self._array.shape[1:] or not np.can_cast(rows.dtype, self._array.dtype, "same_kind"):
            raise ValueError(
                f"array {self._array.name}: got rows {rows.dtype} {rows.shape}, "
                f"expected {self._array.dtype} (n, {', '.join(map(str, self._array.shape[1:]))})"
            )
        self._pending.append(rows)
        if self.rows - self._written >= self._shard_rows:
            block = np.concatenate(self._pending)
            whole = len(block) // self._shard_rows * self._shard_rows
            self._write(block[:whole])
            self._pending = [block[whole:]]

    def close(self) -> None:
        """Write what is pending."""
        if self._pending:
            self._write(np.concatenate(self._pending))
            self._pending = []

    def _write(self, block: np.ndarray) -> None:
        if len(block) == 0:
            return
        end = self._written + len(block)
        self._array.resize((end, *self._array.shape[1:]))
        self._array[self._written : end] = block
        self._written = end
