"""Which windows of which clips are rolled out, and their frames."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from lamo.errors import LamoError
from lamo.stores.frames import FramesStore
from lamo.stores.rollouts import Window

Item = TypeVar("Item")


class ClipFrames:
    """Frames of all clips of one split by clip id, over several stores."""

    def __init__(self, stores: Sequence[FramesStore]) -> None:
        self._clips = {clip: (store, index) for store in stores for index, clip in enumerate(store.clip_ids)}

    def lengths(self) -> dict[str, int]:
        """Number of frames of each clip."""
        return {clip: int(store.offsets[i + 1] - store.offsets[i]) for clip, (store, i) in self._clips.items()}

    def read(self, windows: Sequence[Window], first: int, last: int) -> np.ndarray:
        """Frames `first` to `last` (exclusive), counted from each window's start: uint8 [B, last - first, H, W, 3].

        Raises:
            LamoError: a window reaches beyond its clip.
        """
        return np.stack([self._read_one(window, first, last) for window in windows])

    def _read_one(self, window: Window, first: int, last: int) -> np.ndarray:
        if window.clip_id not in self._clips:
            raise LamoError(f"window at frame {window.start} of clip {window.clip_id}: no frames store holds this clip")
        store, index = self._clips[window.clip_id]
        begin, end = int(store.offsets[index]), int(store.offsets[index + 1])
        if begin + window.start + last > end:
            raise LamoError(
                f"{store.path}: the window at frame {window.start} of clip {window.clip_id} needs "
                f"{window.start + last} frames, the clip has {end - begin}"
            )
        return store.frames[begin + window.start + first : begin + window.start + last]


def choose_windows(lengths: Mapping[str, int], length: int, stride: int, per_clip: int) -> list[Window]:
    """Sliding windows of `length` frames, `stride` frames apart, at most `per_clip` of a clip, ordered by clip id.

    If a clip holds more, those kept are spread evenly over it. Clips that are too short give none.

    Raises:
        LamoError: no clip is long enough.
    """
    windows = []
    for clip in sorted(lengths):
        starts = np.arange(0, lengths[clip] - length + 1, stride)
        if len(starts) > per_clip:
            # The middle of each of `per_clip` equal parts: the first windows of a video are no better than others.
            starts = starts[((np.arange(per_clip) + 0.5) * len(starts) / per_clip).astype(int)]
        windows += [Window(clip, int(start)) for start in starts]
    if not windows:
        longest = max(lengths.values(), default=0)
        raise LamoError(
            f"no clip is long enough for a rollout: the longest of {len(lengths)} clips has {longest} frames, a window "
            f"needs {length} (context and horizon); shorten rollouts.horizons_s or give longer videos"
        )
    return windows


def single_windows(lengths: Mapping[str, int], length: int, count: int, turn: int) -> list[Window]:
    """`count` windows of `length` frames for the training seed number `turn`, from 0, spread evenly over the clips.

    Each seed has other windows, between those of the others, whatever number of seeds there is; all there are, if that
    is not more than `count`.

    Raises:
        LamoError: no clip is long enough.
    """
    every = choose_windows(lengths, length, 1, max(lengths.values(), default=0))
    # Multiples of the golden ratio fall into the largest gaps that those before them have left.
    return thin(every, count, (0.5 + turn * (math.sqrt(5) - 1) / 2) % 1)


def thin(windows: Sequence[Item], count: int, place: float = 0.5) -> list[Item]:
    """At most `count` windows, spread evenly over the list: one of each of `count` equal parts, at `place`, 0..1."""
    if len(windows) <= count:
        return list(windows)
    return [windows[i] for i in ((np.arange(count) + place) * len(windows) / count).astype(int)]
