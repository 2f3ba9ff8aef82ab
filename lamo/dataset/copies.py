"""The same video under several names: copies, links, the same recording in two folders.

Files with one fingerprint count as the same content. What a model was trained on must not be among the held-out clips
under another name.
"""

import filecmp
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from lamo.dataset.config import VideosConfig
from lamo.dataset.division import Clip, drawn_splits
from lamo.dataset.fingerprints import is_hash
from lamo.dataset.walk import shown
from lamo.errors import LamoError

SHOWN = 3

log = logging.getLogger(__name__)


def keep_together(config: VideosConfig, clips: Sequence[Clip], fingerprints: Mapping[str, str]) -> list[Clip]:
    """`clips` such that no part of a video is in two splits under different names. A warning names the copies.

    `fingerprints` are those of the files, by path. With `videos.split: by_video`, the split is drawn for every video
    once, by the shortest of its names: a copy that is added moves no other clip. The parts of a video that is divided
    by time are different parts in every copy.

    Raises:
        LamoError: the same content is in two splits, and these were not drawn.
    """
    if config.root is None:  # the drives of the synthetic world are different ones
        return list(clips)
    copies = _copies(clips, fingerprints)
    if copies:
        log.warning("%s", sentence([list(dict.fromkeys(shown(clip.file.path) for clip in group)) for group in copies]))
    if copies and config.split == "by_video":
        return _drawn_once(config, clips, copies)
    _refuse([pair for group in copies for pair in _torn(group)])
    return list(clips)


def refuse_torn(clips: Sequence[Clip], fingerprints: Mapping[str, str]) -> list[Clip]:
    """`clips` of several folders, in each of which copies are already kept together; as they are.

    Raises:
        LamoError: the same content is in two splits.
    """
    _refuse([pair for group in _copies(clips, fingerprints) for pair in _torn(group)])
    return list(clips)


def _copies(clips: Sequence[Clip], fingerprints: Mapping[str, str]) -> list[list[Clip]]:
    """Clips of files of the same content, in groups, the shortest name first."""
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        value = fingerprints[clip.file.path]
        if is_hash(value) and clip.file.size:
            groups[value].append(clip)
    return [sorted(group, key=_by_length) for group in groups.values() if len({clip.file.path for clip in group}) > 1]


def copies_of(found: pd.DataFrame) -> list[list[str]]:
    """The paths of files of the same content in a table of `find_videos`, in groups, the shortest path first."""
    files = found[(found["bytes"] > 0) & found["fingerprint"].map(is_hash)].drop_duplicates("path")
    groups = files.groupby("fingerprint", sort=False)["path"].agg(list)
    return sorted(sorted(group, key=_length) for group in groups if len(group) > 1)


def sentence(copies: Sequence[Sequence[str]]) -> str:
    """What is said of groups of paths of the same content."""
    count = sum(len(group) - 1 for group in copies)
    what = "video is another one" if count == 1 else "videos are others"
    groups = "; ".join(" = ".join(group[:SHOWN]) for group in copies[:SHOWN])
    more = f"; and {len(copies) - SHOWN} more" if len(copies) > SHOWN else ""
    return f"{count} {what} under a second name: {groups}{more}"


def _length(name: str) -> tuple[int, str]:
    """The name of a copy is longer than that of its original: "a (1).mov", "copy of a.mov", "more/a.mov"."""
    return len(name), name


def _by_length(clip: Clip) -> tuple[int, str]:
    return _length(clip.key)


def _drawn_once(config: VideosConfig, clips: Sequence[Clip], copies: Sequence[Sequence[Clip]]) -> list[Clip]:
    """`clips` with the splits that are drawn for the first of all copies alone."""
    leaders = {clip.id: group[0] for group in copies for clip in group}
    keys = {leader.id: leader.key for leader in (leaders.get(clip.id, clip) for clip in clips)}
    if len(keys) < 2:
        raise LamoError(
            f"videos.root {config.root}: found one video under {len(clips)} names, videos.split: by_video needs at "
            "least 2 videos; set videos.split to by_time to hold out the end of it"
        )
    splits = drawn_splits(config, keys)
    return [clip._replace(split=splits[leaders.get(clip.id, clip).id]) for clip in clips]


def _torn(group: Sequence[Clip]) -> Iterator[tuple[Clip, Clip]]:
    """Clips that share a part of their time with an earlier one of another split, after that one."""
    for index, clip in enumerate(group):
        for other in group[:index]:
            apart = clip.start_share >= other.end_share or other.start_share >= clip.end_share
            if other.split != clip.split and not apart and _same(other, clip):
                yield other, clip
                break


def _same(one: Clip, other: Clip) -> bool:
    """Whether all of the two files is the same."""
    try:
        return filecmp.cmp(one.file.path, other.file.path, shallow=False)
    except OSError as error:
        raise LamoError(
            f"{error.filename}: cannot be read ({error.strerror}); see to the disk, then run again"
        ) from None


def _refuse(torn: Sequence[tuple[Clip, Clip]]) -> None:
    if torn:
        named = "; ".join(" = ".join(map(_place, pair)) for pair in torn[:SHOWN])
        more = f"; and {len(torn) - SHOWN} more" if len(torn) > SHOWN else ""
        raise LamoError(
            f"videos.root: found {_count(torn)} both in train and in val, expected every video in one of them: "
            f"{named}{more}; take one of the two away"
        )


def _count(torn: Iterable[object]) -> str:
    count = len(list(torn))
    return f"{count} video{'s' if count != 1 else ''}"


def _place(clip: Clip) -> str:
    return f"{shown(clip.file.path)} ({clip.split})"
