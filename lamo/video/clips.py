"""The table of clips: one row for every clip found, decoded or quarantined with the reason."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lamo.errors import LamoError
from lamo.stores.atomic import replacing

OK, REPAIRED, QUARANTINED = "ok", "repaired", "quarantined"


def _field(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": meaning})


CLIPS_SCHEMA = pa.schema(
    [
        _field("id", pa.string(), "name of the clip, unique"),
        _field("split", pa.string(), "train or val"),
        _field("path", pa.string(), "the video file"),
        _field("bytes", pa.int64(), "size of the file; bytes"),
        _field("codec", pa.string(), "video codec; null if the file could not be opened"),
        _field("width", pa.int32(), "width of the stored picture before rotation; pixels"),
        _field("height", pa.int32(), "height of the stored picture before rotation; pixels"),
        _field("source_fps", pa.float64(), "average frame rate of the file; 1/s"),
        _field("duration_s", pa.float64(), "duration of the video stream; s"),
        _field("rotation_deg", pa.int32(), "rotation counterclockwise that the file asks players for; degrees"),
        _field("frames", pa.int32(), "frames stored, on the grid of frames.rate_hz; 0 if quarantined"),
        _field("status", pa.string(), "ok, repaired (usable, something was wrong) or quarantined (not used)"),
        _field("reason", pa.string(), "what was wrong; empty if ok"),
        _field("shard", pa.int32(), "shard of the split whose frames store holds the clip"),
    ]
)


def write_clips(path: str | Path, rows: list[dict]) -> None:
    """Write rows (keys as in `CLIPS_SCHEMA`) to Parquet, atomically."""
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=CLIPS_SCHEMA), temporary)


def collect_clips(
    parts: Iterable[str | Path], found: pd.DataFrame, path: str | Path, max_quarantined_share: float
) -> pd.DataFrame:
    """Join the shards' tables to one at `path`, sorted by split and id, and return it.

    Raises `LamoError`, after writing the table and a readable `quarantined.csv` beside it (which stays when a workflow
    removes the output of the failed job), if a clip of `found` is not accounted for, if more than
    `max_quarantined_share` of the clips are quarantined, or if a split is left without a clip.
    """
    path = Path(path)
    table = pa.concat_tables([pq.read_table(part, schema=CLIPS_SCHEMA) for part in parts])
    table = table.sort_by([("split", "ascending"), ("id", "ascending")])
    with replacing(path) as temporary:
        pq.write_table(table, temporary)
    clips, listed = table.to_pandas(), path.with_name("quarantined.csv")
    bad = clips[clips["status"] == QUARANTINED]
    listed.unlink(missing_ok=True)
    problem = _problem(clips, bad, found, max_quarantined_share)
    if len(bad) or problem:
        with replacing(listed) as temporary:
            bad.to_csv(temporary, index=False)
    if problem:
        raise LamoError(f"{problem}; every quarantined clip and its reason is in {listed}")
    return clips


def _problem(clips: pd.DataFrame, bad: pd.DataFrame, found: pd.DataFrame, limit: float) -> str | None:
    ids = sorted(set(found["id"]) ^ set(clips["id"]))
    if ids or len(found) != len(clips):
        return f"{len(found)} clips found but {len(clips)} accounted for, first difference: {ids[:3]}"
    first = f", first: {bad.iloc[0]['path']} ({bad.iloc[0]['reason']})" if len(bad) else ""
    for split in ("train", "val"):
        if not ((clips["split"] == split) & (clips["status"] != QUARANTINED)).any():
            count = int((clips["split"] == split).sum())
            return f"split {split}: none of its {count} clips is usable{first}"
    if len(bad) > limit * len(clips):
        return (
            f"{len(bad)} of {len(clips)} clips quarantined, frames.max_quarantined_share allows {limit:g}{first}; "
            "remove or replace these files, or raise the limit"
        )
    return None
