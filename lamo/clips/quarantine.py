"""When too many clips are quarantined to go on."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from lamo.errors import LamoError
from lamo.video.decoded import QUARANTINED


def quarantine_problem(clips: pd.DataFrame, limit: float) -> str | None:
    """What forbids to go on with these rows of the table of clips; None if nothing does.

    That is a split without a usable clip, or more than the share `limit` of the clips quarantined.
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


def refuse_quarantined(parts: Iterable[str | Path], limit: float) -> None:
    """Raise `LamoError` for a `quarantine_problem` of the clips in the tables `parts` of all shards."""
    columns = ["split", "path", "status", "reason"]
    problem = quarantine_problem(pd.concat([pd.read_parquet(part, columns=columns) for part in parts]), limit)
    if problem:
        raise LamoError(problem)
