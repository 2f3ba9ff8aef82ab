"""How many clips, hours and frames a run has: from files and a sample of their headers, or from what is said."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pandas as pd

from lamo.config import Config
from lamo.dataset.discover import find_videos
from lamo.dataset.division import SPLITS
from lamo.errors import LamoError
from lamo.video.decoded import UnusableError
from lamo.video.selection import select

Z95 = 1.96
ASSUMED_PIXELS = 1280 * 720 * 30.0
"""Pixels per second of videos that are not there yet: 720p at 30 frames per second, as BDD100K's."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SampledClip:
    """One clip of a sample.

    Attributes:
        path: of its file.
        seconds: length of its file, all of which is decoded.
        stored_s: what of it becomes frames.
        frames: frames stored; 0 where it is too short or its header cannot be read.
        pixels: pixels that are decoded.
    """

    path: str
    seconds: float
    stored_s: float
    frames: int
    pixels: float = 0.0


@dataclass(frozen=True)
class Split:
    """The clips of one split and a sample of them. Totals are the sample's mean times `clips`."""

    clips: int
    sample: tuple[SampledClip, ...]

    def total(self, name: str) -> float:
        """Sum of a number of `SampledClip` over all clips."""
        return self.clips * float(np.mean([getattr(one, name) for one in self.sample]))

    def error(self, name: str) -> float:
        """Half the width of the 95 % interval of `total`; 0 where every clip was looked at, or all are alike."""
        count = len(self.sample)
        if count < 2 or count >= self.clips:
            return 0.0
        spread = float(np.std([getattr(one, name) for one in self.sample], ddof=1))
        return self.clips * Z95 * spread * math.sqrt((1.0 - count / self.clips) / count)

    @property
    def frames(self) -> int:
        """Frames stored."""
        return round(self.total("frames"))

    def windows(self, length: int, stride: int, per_clip: int) -> int:
        """Context windows as `lamo.rollout.windows.choose_windows` takes them."""
        counts = [min(per_clip, max(0, (one.frames - length) // stride + 1)) for one in self.sample]
        return round(self.clips * float(np.mean(counts)))


@dataclass(frozen=True)
class Clips:
    """All clips of a run.

    Attributes:
        basis: where the numbers come from: videos, world, options or an earlier run.
        splits: by name.
        files: videos found.
        looked_at: headers that were looked at.
        failed: paths of those that could not be read.
        short: clips of the sample with too few frames for one window.
        bytes: of all files.
    """

    basis: str
    splits: dict[str, Split]
    files: int = 0
    looked_at: int = 0
    failed: tuple[str, ...] = ()
    short: int = 0
    bytes: int = 0


def plan_clips(config: Config, options: dict[str, int] | None, seconds: float | None, sample: int) -> Clips:
    """The clips of a run.

    They are as said in `options` (clips per split, all `seconds` long), else those of the synthetic world, else the
    files below videos.root, of which the headers of `sample` are looked at.

    Raises:
        LamoError: there is nothing to go by.
    """
    if options is not None:
        if seconds is None:
            raise LamoError("--clips was given without --seconds, the length of a clip; expected both (--seconds 40)")
        return _alike("options", config, options, seconds, ASSUMED_PIXELS)
    if config.videos.root is None:
        world = config.world
        counts = {split: world.videos(split) for split in SPLITS}
        return _alike("world", config, counts, world.seconds, float(world.fps * world.height * world.width))
    try:
        found = find_videos(config.videos, config.videos.folders, config.frames.shards.counts())
    except LamoError as error:
        remedy = "correct videos.root" if config.videos.names else "name the folder with --videos FOLDER"
        raise LamoError(
            f"{error}; {remedy}, or plan without videos: --clips train=70000 val=10000 --seconds 40"
        ) from None
    return _from_files(config, found, sample)


def parse_clips(words: Sequence[str]) -> dict[str, int]:
    """`train=70000 val=10000` as a dict; raises `LamoError` unless both splits stand there once with a count."""
    pairs = [word.partition("=") for word in " ".join(words).replace(",", " ").split()]
    counts = {name: int(count) for name, _, count in pairs if count.isdecimal() and int(count) > 0}
    if set(counts) != set(SPLITS) or len(pairs) != len(SPLITS):
        raise LamoError(f'--clips: found "{" ".join(words)}", expected a count for each split: train=70000 val=10000')
    return counts


def clips_of_run(folder: Path) -> Clips | None:
    """The clips of a run whose stage 01 is finished in `folder`; None if it is not."""
    path = folder / "01_frames" / "clips.parquet"
    if not path.is_file():
        return None
    table = pd.read_parquet(path)
    table["pixels"] = (table["duration_s"] * table["source_fps"] * table["width"] * table["height"]).fillna(0.0)
    splits = {}
    for name, rows in table.groupby("split"):
        names = ("path", "duration_s", "duration_s", "frames", "pixels")
        columns = [rows[column].fillna(0).tolist() for column in names]
        splits[str(name)] = Split(len(rows), tuple(SampledClip(*row) for row in zip(*columns, strict=True)))
    return Clips("earlier run", splits, len(table)) if set(splits) == set(SPLITS) else None


def _alike(basis: str, config: Config, counts: dict[str, int], seconds: float, pixels_per_s: float) -> Clips:
    frames = round(seconds * config.frames.rate_hz)
    least = config.frames.min_frames
    if frames < least:
        raise LamoError(
            f"clips of {seconds:g} s have {frames} frames, frames.min_frames asks for {least}; expected longer clips"
        )
    one = SampledClip("", seconds, seconds, frames, seconds * pixels_per_s)
    return Clips(basis, {split: Split(count, (one,)) for split, count in counts.items()})


def _from_files(config: Config, found: pd.DataFrame, sample: int) -> Clips:
    headers: dict[str, Header | None] = {}
    splits = {}
    short = 0
    for index, split in enumerate(SPLITS):
        rows = found[found["split"] == split]
        chosen = [rows.iloc[i] for i in spread_sample(len(rows), max(1, sample // len(SPLITS)), index)]
        for path in {row["path"] for row in chosen} - headers.keys():
            headers[path] = read_header(path)
        clips = tuple(_sampled(row, headers[row["path"]], config) for row in chosen)
        short += sum(one.frames == 0 and one.seconds > 0 for one in clips)
        splits[split] = Split(len(rows), clips)
        if not splits[split].frames:
            raise LamoError(
                f"split {split}: none of {len(clips)} videos looked at gives the {config.frames.min_frames} frames of "
                f"frames.min_frames, e.g. {clips[0].path} of {clips[0].seconds:.1f} s; give longer videos"
            )
    failed = tuple(sorted(path for path, header in headers.items() if header is None))
    files = found.drop_duplicates("path")
    return Clips("videos", splits, len(files), len(headers), failed, short, int(files["bytes"].sum()))


@dataclass(frozen=True)
class Header:
    """What the header of a video says: length [s], and pixels of a second."""

    seconds: float
    pixels_per_s: float


def _sampled(row: pd.Series, header: Header | None, config: Config) -> SampledClip:
    if header is None:
        return SampledClip(row["path"], 0.0, 0.0, 0)
    stored = max(0.0, header.seconds * (row["end_share"] - row["start_share"]) - row.get("lead_s", 0.0))
    frames = round(stored * config.frames.rate_hz)
    kept = frames if frames >= config.frames.min_frames else 0
    return SampledClip(row["path"], header.seconds, stored, kept, header.seconds * header.pixels_per_s)


def spread_sample(count: int, wanted: int, seed: int) -> list[int]:
    """At most `wanted` indices of `count`, one drawn from each of as many equal parts: spread over the whole list."""
    if count <= wanted:
        return list(range(count))
    edges = np.linspace(0, count, wanted + 1).astype(int)
    return [int(i) for i in np.random.default_rng(seed).integers(edges[:-1], edges[1:])]


def read_header(path: str | Path) -> Header | None:
    """What the header of the video stream says; None where it says no length, or cannot be read."""
    if not Path(path).is_file():
        return None
    try:
        with av.open(str(Path(path).absolute()), options={"protocol_whitelist": "file"}) as container:
            stream = select(container).stream
            if stream.duration and stream.time_base:
                seconds = float(stream.duration * stream.time_base)
            else:
                seconds = (container.duration or 0) / av.time_base
            pixels = float(stream.width * stream.height * (stream.average_rate or 0))
    except (av.FFmpegError, OSError, UnusableError) as error:
        logger.debug("%s: %s", path, error)
        return None
    return Header(seconds, pixels) if seconds > 0 else None
