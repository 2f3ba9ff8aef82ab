"""Finding video files and assigning each to a split and a shard; no file is opened here."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from pydantic import Field

from lamo.dataset.walk import VideoFile, shown, video_files
from lamo.errors import LamoError
from lamo.section import Section

SPLITS = ("train", "val")
COLUMNS = ("id", "split", "path", "bytes", "shard", "start_share", "end_share", "lead_s", "fingerprint")


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
    guard_s: float = Field(
        1.0,
        ge=0,
        description="by_time: time between a video's training part and its held-out part, which belongs to neither; s",
    )
    extensions: tuple[str, ...] = Field(
        (".mov", ".mp4", ".avi", ".mkv", ".m4v", ".webm", ".mpg", ".ts"),
        min_length=1,
        description="file name extensions that count as video, in small or capital letters",
    )
    info: str | None = Field(
        None,
        description="folder of BDD100K's info files (GPS, speed, rotation), one <name>.json per video, joined to the "
        "table of clips; null looks for info/100k or info beside the videos",
    )
    stills: str | None = Field(
        None,
        description="folder of the stills at second 10 of the videos, one <name>.jpg per video, with which decoded "
        "frames are compared; null looks for images/100k beside the videos",
    )


class Clip(NamedTuple):
    """A part of a file: its id, and `key`, by which splits and shards are drawn, which no other file can change."""

    id: str
    key: str
    split: str
    file: VideoFile
    start_share: float = 0.0
    end_share: float = 1.0
    lead_s: float = 0.0


def find_videos(
    config: VideosConfig,
    root: str | Path,
    shards: Mapping[str, int],
    fingerprints: Callable[[Sequence[VideoFile]], Sequence[str]] | None = None,
    outside: Collection[str] = (),
) -> pd.DataFrame:
    """List the clips below `root`, sorted by split and id, not looking into folders `outside` (see `video_files`).

    Every file with a wanted extension has a row (by_time: two), also one that cannot be a video: a broken link, an
    empty file, a named pipe. Columns: id (unique), split, path, bytes, shard (of `shards[split]`; a hash of the name,
    so that it depends on nothing else), start_share and end_share (the part of the video's time that is the clip, 0 to
    1), lead_s (time left out at the start of that part), fingerprint (of `fingerprints(files)`; empty without it).
    Raises `LamoError` if a folder is missing or cannot be listed, holds no video, or cannot be split as configured.
    """
    root = Path(root)
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing"
        raise LamoError(f"videos.root {root}: found {what}, expected a folder of videos; correct the path")
    clips = {"folders": _by_folder, "by_video": _by_video, "by_time": _by_time}[config.split](config, root, outside)
    clashes = [id_ for id_, count in Counter(clip.id for clip in clips).items() if count > 1]
    if clashes:
        raise LamoError(f"videos with the same id: {', '.join(clashes[:3])}; rename one of them")
    clips.sort(key=lambda clip: (clip.split, clip.id))
    files = {clip.file.path: clip.file for clip in clips}
    values = fingerprints(list(files.values())) if fingerprints else [""] * len(files)
    known = dict(zip(files, values, strict=True))
    rows = [
        (
            *(clip.id, clip.split, shown(clip.file.path), clip.file.size, _hash(clip.key) % shards[clip.split]),
            *(clip.start_share, clip.end_share, clip.lead_s, known[clip.file.path]),
        )
        for clip in clips
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def unused_videos(config: VideosConfig, root: str | Path) -> dict[str, int]:
    """With `videos.split: folders`: numbers of videos in the folders beside train and val, as BDD100K's test."""
    if config.split != "folders":
        return {}
    base = _base(Path(root))
    used = [str(base / split) for split in SPLITS]
    folders = [path for path in sorted(base.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    counts = {shown(str(folder)): len(video_files(folder, config.extensions, used)) for folder in folders}
    return {folder: count for folder, count in counts.items() if count}


def _base(root: Path) -> Path:
    return root / "videos" if (root / "videos" / "train").is_dir() else root


def _by_folder(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    base = _base(root)
    missing = [name for name in SPLITS if not (base / name).is_dir()]
    if missing:
        present = sorted(path.name for path in base.iterdir())
        names = ", ".join(present[:5]) + (", ..." if len(present) > 5 else "") if present else "an empty folder"
        raise LamoError(
            f"videos.root {root}: no folder {' or '.join(str(base / name) for name in missing)} (found: {names}); "
            "videos.split: folders expects train/ and val/ (or videos/train/ and videos/val/); "
            "for one folder of videos set videos.split to by_video or by_time"
        )
    files = {split: video_files(base / split, config.extensions, outside) for split in SPLITS}
    for split in SPLITS:
        if not files[split]:
            raise LamoError(
                f"{base / split}: no video found, expected files {_list(config)}; add some, or correct the path"
            )
    placed = [(split, file) for split in SPLITS for file in files[split]]
    keys = [_key(file) for _, file in placed]
    ids = _ids([file for _, file in placed], [f"{split}/{shown(file.name)}" for split, file in placed])
    return [Clip(id_, key, split, file) for id_, key, (split, file) in zip(ids, keys, placed, strict=True)]


def _by_video(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    files = _some_files(config, root, outside)
    if len(files) < 2:
        raise LamoError(
            f"videos.root {root}: found 1 video ({shown(files[0].name)}), videos.split: by_video needs at least 2; "
            "set videos.split to by_time to hold out the end of it"
        )
    ids, keys = _ids(files), [_key(file) for file in files]
    ranks = {id_: (_hash("split", key) / 2**64, id_) for id_, key in zip(ids, keys, strict=True)}
    held_out = {id_ for id_ in ids if ranks[id_][0] < config.val_fraction}
    # A small folder can leave a split empty: the clip nearest to the threshold goes there.
    if not held_out:
        held_out = {min(ids, key=ranks.__getitem__)}
    if len(held_out) == len(ids):
        held_out.remove(max(ids, key=ranks.__getitem__))
    splits = ["val" if id_ in held_out else "train" for id_ in ids]
    return [Clip(*clip) for clip in zip(ids, keys, splits, files, strict=True)]


def _by_time(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    files = _some_files(config, root, outside)
    cut, clips = 1.0 - config.val_fraction, []
    for id_, file in zip(_ids(files), files, strict=True):
        key = _key(file)
        clips.append(Clip(f"{id_}@train", f"{key}@train", "train", file, 0.0, cut))
        clips.append(Clip(f"{id_}@val", f"{key}@val", "val", file, cut, 1.0, config.guard_s))
    return clips


def _some_files(config: VideosConfig, root: Path, outside: Collection[str]) -> list[VideoFile]:
    files = video_files(root, config.extensions, outside)
    if not files:
        raise LamoError(f"{root}: no video found, expected files {_list(config)}; add some, or correct videos.root")
    return files


def _key(file: VideoFile) -> str:
    """The file's path below its folder without extension: the id, unless another file has the same."""
    return shown(os.path.splitext(file.name)[0])


def _ids(files: list[VideoFile], longest: list[str] | None = None) -> list[str]:
    """A name per file: its path below its folder without extension; with it, or the `longest`, only in a clash."""
    long = [shown(file.name) for file in files]
    return _first_unique([_key(file) for file in files], _first_unique(long, longest or long))


def _first_unique(names: list[str], otherwise: list[str]) -> list[str]:
    counts = Counter(names)
    return [name if counts[name] == 1 else other for name, other in zip(names, otherwise, strict=True)]


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "little")


def _list(config: VideosConfig) -> str:
    return ", ".join(f"*{extension}" for extension in config.extensions)
