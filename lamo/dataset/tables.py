"""Typed tables whose columns say what they hold."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lamo.stores.atomic import replacing


def column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    """A column of a schema; `meaning` says what it holds and in which unit, and is stored with it."""
    return pa.field(name, kind, metadata={"description": meaning})


def write_rows(path: str | Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows to Parquet, atomically; what a row does not have is null."""
    write_table(path, pa.Table.from_pylist(rows, schema=schema))


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a table to Parquet, atomically."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary)


def read_parts(paths: Iterable[str | Path], schema: pa.Schema) -> pa.Table:
    """The tables at `paths`, of one schema, one below the other."""
    tables = [pq.read_table(path, schema=schema) for path in paths]
    return pa.concat_tables(tables) if tables else schema.empty_table()
