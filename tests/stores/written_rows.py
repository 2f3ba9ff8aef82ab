"""Rows written to a small array, for the tests of reading them."""

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from lamo.stores.rows import RowReader, RowWriter

CODECS = {"raw": None, "zstd": BloscCodec(cname="zstd", clevel=1, shuffle="noshuffle", typesize=1)}


def written(store, values, codec=None, name="values", blocks=1) -> RowReader:
    zarr.open_group(str(store), mode="a")
    writer = RowWriter(store, name, values.shape[1:], values.dtype, codec)
    for block in np.array_split(values, blocks):
        writer.append(block)
    writer.close()
    return RowReader(store / name)
