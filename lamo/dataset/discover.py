"""Finding video files and assigning each to a split and a shard; only copies in two splits are opened here."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from lamo.dataset.config import VideosConfig
from lamo.dataset.copies import keep_together, refuse_torn
from lamo.dataset.division import SPLITS, Clip, base_folder, draw, find_division
from lamo.dataset.walk import VideoFile, shown, video_files
from lamo.errors import LamoError
from lamo.stores.checksums import is_foreign

COLUMNS = ("id", "split", "path", "bytes", "shard", "start_share", "end_share", "lead_s", "fingerprint")


def find_videos(
    config: VideosConfig,
    root: str | Path | Mapping[str, str],
    shards: Mapping[str, int],
    fingerprints: Callable[[Sequence[VideoFile]], Sequence[str]] | None = None,
    outside: Collection[str] = (),
) -> pd.DataFrame:
    """List the clips below `root`, sorted by split and id, not looking into folders `outside` (see `video_files`).

    `root` may be several folders by name: the ids of their clips begin with it. Every file with a wanted extension has
    a row (by_time: two), also one that cannot be a video: a broken link, an empty file, a named pipe. Columns: id
    (unique), split, path, bytes, shard (of `shards[split]`; a hash of the name, so that it depends on nothing else),
    start_share and end_share (the part of the video's time that is the clip, 0 to 1), lead_s (time left out at the
    start of that part), fingerprint (of `fingerprints(files)`; empty without it).
    A video under several names is in one split (`lamo.dataset.copies`). Raises `LamoError` if a folder is missing or
    cannot be listed, holds no video, or cannot be split as configured.
    """
    folders = root if isinstance(root, Mapping) else {"": str(root)}
    divided = {name: _clips(config, name, folder, outside) for name, folder in folders.items()}
    files = {clip.file.path: clip.file for clips in divided.values() for clip in clips}
    values = fingerprints(list(files.values())) if fingerprints else [""] * len(files)
    known = dict(zip(files, values, strict=True))
    clips = _together(config, folders, divided, known)
    clashes = [id_ for id_, count in Counter(clip.id for clip in clips).items() if count > 1]
    if clashes:
        raise LamoError(f"videos with the same id: {', '.join(clashes[:3])}; rename one of them")
    clips.sort(key=lambda clip: (clip.split, clip.id))
    rows = [
        (
            *(clip.id, clip.split, shown(clip.file.path), clip.file.size, draw(clip.key) % shards[clip.split]),
            *(clip.start_share, clip.end_share, clip.lead_s, known[clip.file.path]),
        )
        for clip in clips
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _clips(config: VideosConfig, name: str, folder: str, outside: Collection[str]) -> list[Clip]:
    """The clips of one folder, without its name."""
    if not Path(folder).is_dir():
        what = "a file" if Path(folder).exists() else "nothing"
        hint = ", in which ~ and $ stand for themselves" if folder[:1] in ("~", "$") else ""
        key = f"videos.root.{name}" if name else "videos.root"
        raise LamoError(f"{key} {folder}: found {what}, expected a folder of videos; correct the path{hint}")
    one = config.of_folder(name)
    return find_division(config.split_of(name))(one, Path(folder), outside)


def _together(
    config: VideosConfig,
    folders: Mapping[str, str],
    clips: Mapping[str, Sequence[Clip]],
    fingerprints: Mapping[str, str],
) -> list[Clip]:
    """The clips of all folders: no video is in two splits, every folder has clips in each, and ids begin with its name.

    Splits are drawn by names without that of the folder, so that it decides nothing.
    """
    together: list[Clip] = []
    for name, folder in folders.items():
        one = config.of_folder(name)
        kept = keep_together(one, clips[name], fingerprints)
        for split in SPLITS:
            if not any(clip.split == split for clip in kept):
                raise LamoError(f"videos.split: {one.split} gave no clip of split {split}, expected some in {folder}")
        prefix = f"{name}/" if name else ""
        together += [clip._replace(id=f"{prefix}{clip.id}", key=f"{prefix}{clip.key}") for clip in kept]
    # What lies in two folders is not drawn anew but refused.
    return refuse_torn(together, fingerprints) if len(folders) > 1 else together


def unused_videos(config: VideosConfig) -> dict[str, int]:
    """With `videos.split: folders`: numbers of videos in the folders beside train and val, as BDD100K's test."""
    counts: dict[str, int] = {}
    for name, root in config.folders.items():
        if config.split_of(name) == "folders":
            base = base_folder(Path(root))
            used = [str(base / split) for split in SPLITS]
            folders = [path for path in sorted(base.iterdir()) if path.is_dir() and not is_foreign(path.name)]
            counts |= {shown(str(one)): len(video_files(one, config.extensions, used)) for one in folders}
    return {folder: count for folder, count in counts.items() if count}
