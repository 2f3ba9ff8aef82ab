"""The list of videos that one start of the workflow works with, and what each job of it depends on."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.dataset.fingerprints import CACHE, fingerprints
from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.stores.atomic import replacing

FOLDER = "listings"
# Longer than any run: a job may be waiting for its listing.
KEPT_S = 90 * 86400


@dataclass(frozen=True)
class Listing:
    """The videos as they were when the workflow was started.

    `path`: their table, as of `find_videos`; `digest`: hash of the table; `shards`: by split and shard, hash of what
    the decoded frames of its clips depend on. The file is named by its hash and never changes, so that jobs are not
    disturbed by what becomes of the videos, or by a second Snakemake that looks at them in another way.
    """

    path: str | None = None
    digest: str | None = None
    shards: Mapping[tuple[str, int], str] = field(default_factory=dict)


def list_videos(config: VideosConfig, shards: Mapping[str, int], results: str | Path) -> Listing:
    """List the videos of a run whose results go to the folder `results`, in which the listing is kept.

    Raises `LamoError` as `look_at_videos` does.
    """
    found = look_at_videos(config, shards, results)
    stage = Path(results) / "01_frames"
    digest = _hash([found[name].tolist() for name in found.columns])
    path = stage / FOLDER / f"{digest}.parquet"
    if path.exists():
        os.utime(path)
    else:
        with replacing(path) as temporary:
            found.to_parquet(temporary, index=False)
    for other in path.parent.glob("*.parquet"):
        with suppress(FileNotFoundError):  # of two that tidy up at once
            if other.stat().st_mtime < time.time() - KEPT_S:
                other.unlink()
    return Listing(path.as_posix(), digest, shard_hashes(found))


def look_at_videos(
    config: VideosConfig, shards: Mapping[str, int], results: str | Path, *, keep: bool = True
) -> pd.DataFrame:
    """The videos of a run whose results go to the folder `results`, as of `find_videos`.

    Names, sizes and time stamps are looked at, and the content of what is new (`lamo.dataset.fingerprints`). What is
    found of the content is kept in `results` if `keep`. Raises `LamoError` as `find_videos` and `fingerprint` do, if
    the videos lie in `results`, and if LaMo itself lies among them.
    """
    if not config.folders:
        raise LamoError("videos.root: found null, expected a folder of videos; there is nothing to list")
    own, stage = Path(results).resolve(), Path(results) / "01_frames"
    _refuse_overlap(config.folders)
    for root in config.folders.values():
        if Path(root).resolve().is_relative_to(own):
            raise LamoError(
                f"videos.root {root}: lies in {results}, where this run itself writes; "
                "move the videos, or give another name as run"
            )
        if ROOT.is_relative_to(Path(root).resolve()):
            raise LamoError(
                f"videos.root {root}: found LaMo itself in it ({ROOT}), expected a folder of videos alone; "
                "name the folder in which the videos lie"
            )
    look = partial(fingerprints, cache=stage / CACHE, roots=config.folders, keep=keep)
    return find_videos(config, config.folders, shards, look, [str(own)])


def _refuse_overlap(folders: Mapping[str, str]) -> None:
    """Refuse folders of which one lies in another: its videos would be clips twice, and maybe of two splits."""
    places = {name: Path(root).resolve() for name, root in folders.items()}
    for inner, outer in permutations(places, 2):
        if places[inner].is_relative_to(places[outer]):
            raise LamoError(
                f"videos.root: found {inner} ({folders[inner]}) in {outer} ({folders[outer]}), expected folders beside "
                "each other; leave one of the two out"
            )


def shard_hashes(found: pd.DataFrame) -> dict[tuple[str, int], str]:
    """By split and shard: hash of everything about its clips (rows of `find_videos`) that the decoded frames depend on.

    Where the files lie is no part of it; what they are called is, with the extension.
    """
    suffixes = found["path"].map(lambda path: os.path.splitext(path)[1].lower())
    columns = found[["id", "fingerprint", "start_share", "end_share", "lead_s"]].assign(suffix=suffixes)
    shards: dict[tuple[str, int], list[list[Any]]] = {}
    for split, shard, *row in zip(found["split"], found["shard"], *(columns[name] for name in columns), strict=True):
        shards.setdefault((split, int(shard)), []).append(row)
    return {place: _hash(sorted(rows)) for place, rows in shards.items()}


def _hash(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
