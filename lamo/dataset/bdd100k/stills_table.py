"""The table of stills: for every clip that has one, whether the decoded frames show the same."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lamo.dataset.bdd100k.stills import (
    AROUND_S,
    AT_S,
    MATCH,
    NO_FRAME,
    OFFSET,
    ORIENTATION,
    UNLIKE,
    UNREADABLE,
    Likeness,
    UnreadableError,
    compare,
    load_still,
    nearest,
)
from lamo.dataset.companions import Companions
from lamo.dataset.summary import cell
from lamo.dataset.tables import column
from lamo.dataset.walk import shown
from lamo.progress import Bar
from lamo.stores.frames import FramesStore

VERDICTS = (MATCH, OFFSET, ORIENTATION, UNLIKE, NO_FRAME, UNREADABLE)
PROBLEMS = (UNLIKE, ORIENTATION, OFFSET, UNREADABLE)
KNOWN = ("id", "split", "shard")
LISTED = 20

STILLS_SCHEMA = pa.schema(
    [
        column("id", pa.string(), "name of the clip"),
        column("split", pa.string(), "train or val"),
        column("shard", pa.int32(), "shard of the split whose frames store holds the clip"),
        column("still", pa.string(), "the still of the clip, its video's picture at second 10"),
        column(
            "verdict",
            pa.string(),
            "match; offset (a frame at another time is clearly more like it); orientation (one turned or mirrored is); "
            "unlike (no frame is like it); no frame there (second 10 is not in the store); unreadable still",
        ),
        column("reason", pa.string(), "why there was no comparison; empty if there was one"),
        column("correlation", pa.float64(), "correlation of luma of the still and the frame that the verdict is about"),
        column("detail", pa.float64(), "the same of luma less its local mean, which decides"),
        column("detail_expected", pa.float64(), "the same of still and frame nearest to second 10, both upright"),
        column("psnr_db", pa.float64(), "PSNR of luma of the still and of the frame that the verdict is about; dB"),
        column("offset_s", pa.float64(), "time of that frame less 10; s"),
        column("orientation", pa.string(), "how that frame stands beside the still; upright is right"),
    ]
)

MATCHED_SCHEMA = pa.schema(
    [
        *(STILLS_SCHEMA.field(name) for name in KNOWN),
        column("path", pa.string(), "the video file"),
        column("still", pa.binary(), "path of the still of the video, in the bytes of the file system"),
    ]
)


def matched_table(found: pd.DataFrame, companions: Companions) -> pa.Table:
    """The clips of `found` whose video has a still, a table of `MATCHED_SCHEMA`, sorted by split, shard and id."""
    clips = found.loc[found["path"].isin(set(companions.files)), [*KNOWN, "path"]]
    clips = clips.sort_values(["split", "shard", "id"])
    stills = [os.fsencode(companions.files[path]) for path in clips["path"]]
    return pa.Table.from_pandas(clips.assign(still=stills), MATCHED_SCHEMA, preserve_index=False)


def read_matched(path: str | Path, split: str, shard: int) -> pd.DataFrame:
    """The rows of one shard of the `matched_table` at `path`."""
    return pd.read_parquet(path, filters=[("split", "==", split), ("shard", "==", shard)])


def stills_rows(matched: pd.DataFrame, store: FramesStore, rate_hz: float, fit: str) -> list[dict[str, Any]]:
    """A row of `STILLS_SCHEMA` for every clip of one shard that has a still (rows of `MATCHED_SCHEMA`)."""
    places = {clip_id: index for index, clip_id in enumerate(store.clip_ids)}
    rows = []
    for clip in Bar(matched.to_dict("records"), desc="stills", unit="still"):
        path = Path(os.fsdecode(clip["still"]))
        likeness = _likeness(path, store, places.get(clip["id"]), rate_hz, fit)
        rows.append(
            {"id": clip["id"], "split": clip["split"], "shard": clip["shard"], "still": shown(path), **vars(likeness)}
        )
    return rows


def _likeness(path: Path, store: FramesStore, place: int | None, rate_hz: float, fit: str) -> Likeness:
    if place is None:
        return Likeness(NO_FRAME, "the store does not hold the clip")
    start, end = int(store.offsets[place]), int(store.offsets[place + 1])
    times = store.times[start:end]
    if abs(times[nearest(times)] - AT_S) > 0.75 / rate_hz:
        return Likeness(NO_FRAME, f"the clip's frames are from {times[0]:.1f} to {times[-1]:.1f} s")
    try:
        still = load_still(path)
    except UnreadableError as error:
        return Likeness(UNREADABLE, str(error))
    around = np.flatnonzero(np.abs(times - AT_S) <= AROUND_S + 1e-6)
    low, high = int(around[0]), int(around[-1]) + 1
    likeness = compare(still, store.frames[start + low : start + high], times[low:high], rate_hz, fit)
    if likeness.verdict == UNLIKE:
        # It may be from further away; so few clips are read whole.
        likeness = compare(still, store.frames[start:end], times, rate_hz, fit)
    return likeness


def stills_summary(stills: pd.DataFrame, facts: dict[str, Any], rate_hz: float) -> str:
    """The table of stills as Markdown; `facts` are those of `companion_facts`."""
    verdicts = "| split | stills | " + " | ".join(VERDICTS) + " |\n|---|---:|" + "---:|" * len(VERDICTS)
    for split, rows in [*stills.groupby("split"), ("all", stills)]:
        counts = rows["verdict"].value_counts()
        verdicts += (
            f"\n| {split} | {len(rows):,} | " + " | ".join(f"{counts.get(name, 0):,}" for name in VERDICTS) + " |"
        )
    parts = [
        "# Decoded frames beside the stills at second 10",
        f"Stills in `{cell(facts['folder'])}`; {facts['matched']:,} of {facts['videos']:,} videos have one, "
        f"{sum(facts['extra'].values()):,} belong to no video.",
        verdicts,
        *_likeness_lines(stills, rate_hz),
        *_problem_lines(stills),
    ]
    return "\n\n".join(parts) + "\n"


def _likeness_lines(stills: pd.DataFrame, rate_hz: float) -> list[str]:
    same = stills[stills["verdict"] == MATCH]
    if same.empty:
        return []
    low, middle = same["detail"].quantile([0.05, 0.5])
    psnr = same["psnr_db"].median()
    return [
        f"Where they match: correlation of detail {middle:.3f} (median; 5 % below {low:.3f}), PSNR {psnr:.1f} dB "
        f"(median); the frames are {1 / rate_hz:g} s apart."
    ]


def _problem_lines(stills: pd.DataFrame) -> list[str]:
    bad = stills[stills["verdict"].isin(PROBLEMS)]
    if bad.empty:
        return []
    lines = [
        "| clip | verdict | offset (s) | orientation | detail | PSNR (dB) | reason |",
        "|---|---|---:|---|---:|---:|---|",
    ]
    for row in worst_first(bad).head(LISTED).to_dict("records"):
        if pd.isna(row["orientation"]):
            numbers = "| | | "
        else:
            numbers = f"{row['offset_s']:+.2f} | {row['orientation']} | {row['detail']:.2f} | {row['psnr_db']:.1f}"
        lines.append(f"| `{cell(row['id'])}` | {row['verdict']} | {numbers} | {cell(row['reason'])} |")
    title = f"## The {min(LISTED, len(bad))} worst of {len(bad):,} that do not match"
    return [title, "\n".join(lines)]


def worst_first(stills: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order in which a person should look at them: problems, every kind in turn, the least alike first."""
    order = (*PROBLEMS, NO_FRAME, MATCH)
    ranked = stills.assign(_kind=stills["verdict"].map(order.index)).sort_values(["detail", "split", "id"])
    ranked["_turn"] = ranked.groupby("_kind").cumcount()
    ranked["_fine"] = ranked["_kind"] >= len(PROBLEMS)
    return ranked.sort_values(["_fine", "_turn", "_kind"], kind="stable").drop(columns=["_kind", "_turn", "_fine"])
