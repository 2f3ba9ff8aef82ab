"""Finding video files and assigning each to a split and a shard; no file is opened here."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from lamo.errors import LamoError
from lamo.section import Section

SPLITS = ("train", "val")
COLUMNS = ("id", "split", "path", "bytes", "shard", "start_share", "end_share")


class VideosConfig(Section):
    """Where the videos come from and how they are divided into training and held-out clips."""

    root: str | None = Field(
        None, description="folder of the videos; null renders the synthetic driving world of section `world`"
    )
    split: Literal["folders", "by_video", "by_time"] = Field(
        "folders",
        description="folders: subfolders train and val (also below videos/, as in BDD100K); by_video: whole videos are "
        "held out; by_time: the end of every video is held out",
    )
    val_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of the videos (by_video) or of each video's time (by_time) that is held out"
    )
    extensions: tuple[str, ...] = Field(
        (".mov", ".mp4", ".avi", ".mkv", ".m4v", ".webm", ".mpg", ".ts"),
        min_length=1,
        description="file name extensions that count as video, in small or capital letters",
    )


def find_videos(config: VideosConfig, root: str | Path, shards: Mapping[str, int]) -> pd.DataFrame:
    """List the clips below `root`, sorted by split and id; hidden files and folders (leading dot) are passed over.

    Columns: id (unique), split, path, bytes, shard (of `shards[split]`; a hash of the id, so that it depends on nothing
    else), start_share and end_share (the part of the video's time that is the clip, 0 to 1).
    Raises `LamoError` if the folder is missing, holds no video, or cannot be split as configured.
    """
    root = Path(root)
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing"
        raise LamoError(f"videos.root {root}: found {what}, expected a folder of videos; correct the path")
    rows = {"folders": _by_folder, "by_video": _by_video, "by_time": _by_time}[config.split](config, root)
    for row in rows:
        row["shard"] = _hash(row["id"]) % shards[row["split"]]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["split", "id"], ignore_index=True)


def _by_folder(config: VideosConfig, root: Path) -> list[dict]:
    base = root / "videos" if (root / "videos" / "train").is_dir() else root
    missing = [name for name in SPLITS if not (base / name).is_dir()]
    if missing:
        present = sorted(path.name for path in base.iterdir())
        shown = ", ".join(present[:5]) + (", ..." if len(present) > 5 else "") if present else "an empty folder"
        raise LamoError(
            f"videos.root {root}: no folder {' or '.join(str(base / name) for name in missing)} (found: {shown}); "
            "videos.split: folders expects train/ and val/ (or videos/train/ and videos/val/); "
            "for one folder of videos set videos.split to by_video or by_time"
        )
    files = [(split, base / split, path) for split in SPLITS for path in _files(base / split, config.extensions)]
    for split in SPLITS:
        if not any(found == split for found, _, _ in files):
            raise LamoError(
                f"{base / split}: no video found, expected files {_list(config)}; add some, or correct the path"
            )
    ids = _ids([(folder, path) for _, folder, path in files], lambda index: files[index][0])
    return [_row(id_, split, path) for id_, (split, _, path) in zip(ids, files, strict=True)]


def _by_video(config: VideosConfig, root: Path) -> list[dict]:
    files = _some_files(config, root)
    if len(files) < 2:
        raise LamoError(
            f"videos.root {root}: found 1 video ({files[0].name}), videos.split: by_video needs at least 2; "
            "set videos.split to by_time to hold out the end of it"
        )
    ids = _ids([(root, path) for path in files])
    ranks = {id_: _hash("split", id_) / 2**64 for id_ in ids}
    held_out = {id_ for id_ in ids if ranks[id_] < config.val_fraction}
    # A small folder can leave a split empty: the clip nearest to the threshold goes there.
    if not held_out:
        held_out = {min(ids, key=ranks.__getitem__)}
    if len(held_out) == len(ids):
        held_out.remove(max(ids, key=ranks.__getitem__))
    return [_row(id_, "val" if id_ in held_out else "train", path) for id_, path in zip(ids, files, strict=True)]


def _by_time(config: VideosConfig, root: Path) -> list[dict]:
    files = _some_files(config, root)
    cut, rows = 1.0 - config.val_fraction, []
    for id_, path in zip(_ids([(root, path) for path in files]), files, strict=True):
        rows += [_row(f"{id_}@train", "train", path, 0.0, cut), _row(f"{id_}@val", "val", path, cut, 1.0)]
    return rows


def _row(id_: str, split: str, path: Path, start: float = 0.0, end: float = 1.0) -> dict:
    size = path.stat().st_size if path.exists() else 0
    return {
        "id": id_,
        "split": split,
        "path": _text(path),
        "bytes": size,
        "shard": 0,
        "start_share": start,
        "end_share": end,
    }


def _some_files(config: VideosConfig, root: Path) -> list[Path]:
    files = list(_files(root, config.extensions))
    if not files:
        raise LamoError(f"{root}: no video found, expected files {_list(config)}; add some, or correct videos.root")
    return files


def _files(folder: Path, extensions: tuple[str, ...]) -> Iterator[Path]:
    """Video files below a folder in a fixed order; links to folders are followed, once each."""
    wanted = {("." + extension.lstrip(".")).lower() for extension in extensions}
    visited = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in visited else sorted(name for name in folders if not name.startswith("."))
        if real in visited:
            continue
        visited.add(real)
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in wanted:
                yield Path(place) / name


def _ids(files: list[tuple[Path, Path]], prefix: Callable[[int], str] | None = None) -> list[str]:
    """A unique id per file: its path below its folder without extension; with it, or with `prefix`, only in a clash."""
    long = [_text(path.relative_to(folder)) for folder, path in files]
    short = [_text(path.relative_to(folder).with_suffix("")) for folder, path in files]
    longest = [f"{prefix(index)}/{name}" for index, name in enumerate(long)] if prefix else long
    ids = _first_unique(short, _first_unique(long, longest))
    clashes = [id_ for id_, count in Counter(ids).items() if count > 1]
    if clashes:
        raise LamoError(f"videos with the same id: {', '.join(clashes[:3])}; rename one of them")
    return ids


def _first_unique(names: list[str], otherwise: list[str]) -> list[str]:
    counts = Counter(names)
    return [name if counts[name] == 1 else other for name, other in zip(names, otherwise, strict=True)]


def _text(path: Path) -> str:
    """The path as valid UTF-8; bytes that are none are shown escaped (such a file cannot be opened, and is said so)."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "little")


def _list(config: VideosConfig) -> str:
    return ", ".join(f"*{extension}" for extension in config.extensions)
