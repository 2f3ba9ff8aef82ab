"""The table of clips: one row for every clip found, with what became of it and what its info file says."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lamo.dataset.bdd100k.info import INFO_SCHEMA
from lamo.dataset.quarantine import LISTED, REFUSED, list_quarantined, quarantine_problem, refuse
from lamo.dataset.schema import DECODED_SCHEMA
from lamo.dataset.tables import read_parts, write_table
from lamo.stores.atomic import replacing
from lamo.video.decoded import QUARANTINED

CLIPS_SCHEMA = pa.schema([*DECODED_SCHEMA, *INFO_SCHEMA])


def join_clips(parts: Iterable[str | Path], info: str | Path | None = None) -> pa.Table:
    """The shards' tables as one of `CLIPS_SCHEMA`, sorted by split and id, with the columns of the table `info`.

    Without `info` (there is no folder of info files) these columns are null; a clip that `info` lacks stays too.
    """
    table = read_parts(parts, DECODED_SCHEMA)
    if info is not None:
        table = table.join(pq.read_table(info), keys=["split", "id"], join_type="left outer")
    else:
        for field in INFO_SCHEMA:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    # A join loses the descriptions of the columns and their order.
    table = table.select(CLIPS_SCHEMA.names).cast(CLIPS_SCHEMA)
    return table.sort_by([("split", "ascending"), ("id", "ascending")])


def with_paths_of(found: pd.DataFrame, table: pa.Table) -> pa.Table:
    """`table` with the paths of `found`: clips whose files were moved have not been decoded again."""
    known = dict(zip(found["id"], found["path"], strict=True))
    pairs = zip(table["id"].to_pylist(), table["path"].to_pylist(), strict=True)
    index = table.schema.get_field_index("path")
    paths = pa.array([known.get(id_, path) for id_, path in pairs], pa.string())
    return table.set_column(index, table.schema.field(index), paths)


def write_clips_table(
    path: str | Path, table: pa.Table, summary: str, found: pd.DataFrame, max_quarantined_share: float
) -> None:
    """Write the table of `join_clips` to `path` and `summary` beside it (.md) if the clips are good enough to go on.

    The quarantined clips are listed in a readable `quarantined.csv` beside it. Raises `LamoError` if a clip of `found`
    is not accounted for, if more than `max_quarantined_share` of the clips are quarantined, or if a split is left
    without a clip. Table and summary then go to `refused_clips.*`: what is at `path` a workflow removes when its job
    fails.
    """
    path = Path(path)
    listed, refused = path.with_name(LISTED), path.with_name(REFUSED)
    clips = table.to_pandas()
    problem = _problem(clips, found, max_quarantined_share)
    with replacing((refused if problem else path).with_suffix(".md")) as temporary:
        temporary.write_text(summary, encoding="utf-8")
    if problem:
        refuse(path.parent, table, problem)
    if (clips["status"] == QUARANTINED).any():
        list_quarantined(path.parent, table)
    else:
        listed.unlink(missing_ok=True)
    write_table(path, table)
    for left in (refused, refused.with_suffix(".md")):
        left.unlink(missing_ok=True)


def _problem(clips: pd.DataFrame, found: pd.DataFrame, limit: float) -> str | None:
    keys = [set(zip(table["split"], table["id"], strict=True)) for table in (found, clips)]
    lost = sorted(keys[0] ^ keys[1])
    if lost or len(found) != len(clips):
        return f"{len(found)} clips found but {len(clips)} accounted for, first difference: {lost[:3]}"
    return quarantine_problem(clips, limit)
