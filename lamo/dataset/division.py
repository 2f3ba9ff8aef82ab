"""Dividing the videos of a folder into clips for training and held-out clips.

A division is a function of the configuration, the folder and the folders to leave out; it lists the clips. Three are
here. A data set with a division of its own has a module with such a function (CONTRIBUTING.md).
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from lamo.dataset.config import VideosConfig
from lamo.dataset.walk import VideoFile, shown, video_files
from lamo.errors import LamoError
from lamo.lazy import import_named

SPLITS = ("train", "val")


class Clip(NamedTuple):
    """A part of a file: its id, and `key`, by which splits and shards are drawn, which no other file can change."""

    id: str
    key: str
    split: str
    file: VideoFile
    start_share: float = 0.0
    end_share: float = 1.0
    lead_s: float = 0.0


Division = Callable[[VideosConfig, Path, Collection[str]], list[Clip]]


def find_division(name: str) -> Division:
    """The division that `videos.split` names. Raises `LamoError` if its module or function cannot be imported."""
    if name in DIVISIONS:
        return DIVISIONS[name]
    try:
        found: Division = import_named(name)
    except LamoError as error:
        raise LamoError(
            f"videos.split: found {name!r}: {error}; expected {', '.join(DIVISIONS)} or package.module:function of a "
            "module that Python finds (PYTHONPATH)"
        ) from None
    return found


def base_folder(root: Path) -> Path:
    """The folder that holds train/ and val/: `root`, or videos/ in it."""
    return root / "videos" if (root / "videos" / "train").is_dir() else root


def _by_folder(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    base = base_folder(root)
    missing = [name for name in SPLITS if not (base / name).is_dir()]
    if missing:
        present = sorted(path.name for path in base.iterdir())
        names = ", ".join(present[:5]) + (", ..." if len(present) > 5 else "") if present else "an empty folder"
        raise LamoError(
            f"videos.root {root}: no folder {' or '.join(str(base / name) for name in missing)} (found: {names}); "
            "videos.split: folders expects train/ and val/ (or videos/train/ and videos/val/); "
            "for one folder of videos set videos.split to by_video or by_time"
        )
    files = {split: _listed(config, base / split, outside) for split in SPLITS}
    for split in SPLITS:
        if not files[split]:
            raise LamoError(
                f"{base / split}: no video found, expected files {_list(config)}; add some, or correct the path"
            )
    placed = [(split, file) for split in SPLITS for file in files[split]]
    keys = [clip_key(file) for _, file in placed]
    ids = clip_ids([file for _, file in placed], [f"{split}/{shown(file.name)}" for split, file in placed])
    return [Clip(id_, key, split, file) for id_, key, (split, file) in zip(ids, keys, placed, strict=True)]


def _by_video(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    files = _some_files(config, root, outside)
    if len(files) < 2:
        raise LamoError(
            f"videos.root {root}: found 1 video ({shown(files[0].name)}), videos.split: by_video needs at least 2; "
            "set videos.split to by_time to hold out the end of it"
        )
    ids = clip_ids(files)
    keys = [clip_key(file) for file in files]
    splits = drawn_splits(config, dict(zip(ids, keys, strict=True)))
    return [Clip(id_, key, splits[id_], file) for id_, key, file in zip(ids, keys, files, strict=True)]


def drawn_splits(config: VideosConfig, keys: Mapping[str, str]) -> dict[str, str]:
    """The split of every one of at least two clips, drawn by its key; `keys` has these by id."""
    ranks = {id_: (draw("split", key) / 2**64, id_) for id_, key in keys.items()}
    held_out = {id_ for id_ in keys if ranks[id_][0] < config.val_fraction}
    # A small folder can leave a split empty: the clip nearest to the threshold goes there.
    if not held_out:
        held_out = {min(keys, key=ranks.__getitem__)}
    if len(held_out) == len(keys):
        held_out.remove(max(keys, key=ranks.__getitem__))
    return {id_: "val" if id_ in held_out else "train" for id_ in keys}


def _by_time(config: VideosConfig, root: Path, outside: Collection[str]) -> list[Clip]:
    files = _some_files(config, root, outside)
    cut, clips = 1.0 - config.val_fraction, []
    for id_, file in zip(clip_ids(files), files, strict=True):
        key = clip_key(file)
        clips.append(Clip(f"{id_}@train", f"{key}@train", "train", file, 0.0, cut))
        clips.append(Clip(f"{id_}@val", f"{key}@val", "val", file, cut, 1.0, config.guard_s))
    return clips


def _some_files(config: VideosConfig, root: Path, outside: Collection[str]) -> list[VideoFile]:
    files = _listed(config, root, outside)
    if not files:
        raise LamoError(f"{root}: no video found, expected files {_list(config)}; add some, or correct videos.root")
    return files


def _listed(config: VideosConfig, folder: Path, outside: Collection[str]) -> list[VideoFile]:
    # Without a root, the videos are those of the synthetic world, which the run itself wrote.
    return video_files(folder, config.extensions, outside, written=config.root is None)


def clip_key(file: VideoFile) -> str:
    """The file's path below its folder without extension: the id, unless another file has the same."""
    return shown(os.path.splitext(file.name)[0])


def clip_ids(files: list[VideoFile], longest: list[str] | None = None) -> list[str]:
    """A name per file: its path below its folder without extension; with it, or the `longest`, only in a clash."""
    long = [shown(file.name) for file in files]
    return _first_unique([clip_key(file) for file in files], _first_unique(long, longest or long))


def _first_unique(names: list[str], otherwise: list[str]) -> list[str]:
    counts = Counter(names)
    return [name if counts[name] == 1 else other for name, other in zip(names, otherwise, strict=True)]


def folder_of(clip_id: str) -> str:
    """The name of the folder of videos that a clip lies in, where folders have names: its id begins with it."""
    return clip_id.partition("/")[0]


def draw(*parts: str) -> int:
    """A random number of 64 bits that depends on the texts alone."""
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "little")


def _list(config: VideosConfig) -> str:
    return ", ".join(f"*{extension}" for extension in config.extensions)


DIVISIONS: dict[str, Division] = {"folders": _by_folder, "by_video": _by_video, "by_time": _by_time}
