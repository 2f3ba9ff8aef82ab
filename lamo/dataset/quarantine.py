"""When so many clips are quarantined that a run stops, and the tables that it then leaves for people to look at.

The job that collects the clips and the training of stage 02 both ask. Stage 02 therefore depends on this module: keep
its imports few.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pyarrow as pa

from lamo.dataset.schema import DECODED_SCHEMA
from lamo.dataset.tables import read_parts, write_table
from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.video.decoded import QUARANTINED

LISTED, REFUSED = "quarantined.csv", "refused_clips.parquet"


def quarantine_problem(clips: pd.DataFrame, limit: float) -> str | None:
    """Why a run cannot go on with these rows of the table of clips; None if it can.

    It cannot if a split has no usable clip, or if more than the share `limit` of the clips is quarantined.
    """
    bad = clips[clips["status"] == QUARANTINED]
    first = f", first: {bad.iloc[0]['path']} ({bad.iloc[0]['reason']})" if len(bad) else ""
    for split in ("train", "val"):
        mine = clips[clips["split"] == split]
        if (mine["status"] == QUARANTINED).all():
            return f"split {split}: none of its {len(mine)} clips is usable{first}"
    if len(bad) > limit * len(clips):
        return (
            f"{len(bad)} of {len(clips)} clips quarantined, frames.max_quarantined_share allows {limit:g}{first}; "
            "remove or replace these files, or raise the limit"
        )
    return None


def list_quarantined(folder: str | Path, clips: pa.Table) -> None:
    """Write the quarantined ones of `clips` to `quarantined.csv` in `folder`, atomically."""
    table = clips.to_pandas()
    with replacing(Path(folder) / LISTED) as temporary:
        table[table["status"] == QUARANTINED].to_csv(temporary, index=False)


def refuse(folder: str | Path, clips: pa.Table, problem: str) -> NoReturn:
    """Write `clips` to `refused_clips.parquet` in `folder`, list the quarantined ones, and raise `LamoError`.

    Several jobs may do so at once: what they refuse are the same clips, and each file is replaced as a whole.
    """
    refused = Path(folder) / REFUSED
    list_quarantined(folder, clips)
    write_table(refused, clips)
    raise LamoError(
        f"{problem}; all quarantined clips and their reasons are in {refused.with_name(LISTED)}, all clips in {refused}"
    )


def refuse_quarantined(parts: Iterable[str | Path], limit: float, folder: str | Path) -> None:
    """Raise `LamoError` for a `quarantine_problem` of the clips in the tables `parts` of all shards.

    These clips (columns of `DECODED_SCHEMA`) are then in `folder`, see `refuse`: where one job fails, Snakemake may not
    start the one that writes the table of clips.
    """
    files = [Path(part) for part in parts]
    table = read_parts(files, DECODED_SCHEMA).sort_by([("split", "ascending"), ("id", "ascending")])
    problem = quarantine_problem(table.to_pandas(), limit)
    if problem is None:
        return
    words = (Path(folder) / REFUSED).with_suffix(".md")
    # Older words are about other clips. Another job that refuses the same clips now has written newer ones.
    if words.exists() and words.stat().st_mtime < max(file.stat().st_mtime for file in files):
        words.unlink()
    refuse(folder, table, problem)
