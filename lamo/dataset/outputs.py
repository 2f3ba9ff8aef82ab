"""Videos that runs of LaMo wrote: they are pictures of a model or of the synthetic world, and no videos of the user.

They are recognised by where they lie and by what lies beside them, whichever run wrote them, and also in a copy of its
results. Who takes rendered videos out of the results may use them like any others.
"""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

STAGE = re.compile(r"0[1-7]_(frames|midway|latents|decoder|predictors|rollouts|metrics)")
RECORDS = "provenance"
VIDEOS = "videos"
# The only videos that runs write: the synthetic world in stage 01, and rollouts beside the truth in stage 07.
OF_STAGES = {"world": "01_frames", VIDEOS: "07_metrics"}
# What stage 07 writes beside its videos.
BESIDE_ROLLOUTS = {"metrics.parquet", "table.csv"}
SHOWN = 3


def outputs_among(folder: str, names: Collection[str]) -> set[str]:
    """Those of the `names` in `folder` that are folders of a run: its stages, or the videos of one.

    `folder` is a real path. A copy of a run, or of stage 07 under another name, is recognised too.
    """
    there = set(names)
    if RECORDS in there and _has_stage(there) and _has_stage(_names(Path(folder, RECORDS))):
        return {name for name in there if STAGE.fullmatch(name)}
    found = {name for name in there & OF_STAGES.keys() if os.path.basename(folder) == OF_STAGES[name]}
    return found | ({VIDEOS} if VIDEOS in there and there >= BESIDE_ROLLOUTS else set())


def lies_in_outputs(path: str) -> bool:
    """Whether the folder at the real path `path`, or one above it, is what `outputs_among` finds."""
    places = [Path(path), *Path(path).parents]
    return any(place.name in outputs_among(str(place.parent), _names(place.parent)) for place in places)


def passed_over(places: Iterable[str]) -> str:
    """The sentence that says which folders are passed over."""
    every = sorted(set(places))
    more = f" and {len(every) - SHOWN} more folders" if len(every) > SHOWN else ""
    return f"{', '.join(every[:SHOWN])}{more}: videos that a run of LaMo wrote are passed over"


def _has_stage(names: Iterable[str]) -> bool:
    return any(STAGE.fullmatch(name) for name in names)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # no folder, or one that may not be listed
        return []
