"""Writing the synthetic world as real video files: H.264 in `.mov`, in BDD100K's folder layout."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd

from lamo.errors import LamoError
from lamo.progress import Bar
from lamo.stores.atomic import replacing
from lamo.world.labels import labels
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_id, clip_seed, simulate

KEYFRAME_SECONDS = 2.0
# Constant rate factor of the H.264 encoder, lower is better; own choice.
CRF = 18


def write_video(path: str | Path, frames: np.ndarray, fps: int, crf: int = CRF) -> None:
    """Encode frames uint8 [n, H, W, 3] (even sizes) as H.264, yuv420p, into `path`, atomically.

    One encoder thread and no dates in the file: the same frames give the same bytes. Raises `LamoError` if the frames
    have another type or an odd size.
    """
    _, height, width, channels = frames.shape
    if frames.dtype != np.uint8 or channels != 3 or height % 2 or width % 2:
        raise LamoError(
            f"{path}: found frames {frames.dtype} {frames.shape}, expected uint8 [n, H, W, 3] with even H and W; "
            "correct world.height and world.width"
        )
    with replacing(path) as temporary, av.open(str(temporary), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1", "g": str(int(KEYFRAME_SECONDS * fps))}
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, fps)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def part_of(config: WorldConfig, split: str, part: int) -> range:
    """Indices of the drives of one of the `config.parts` parts of a split; together the parts are the whole split."""
    if not 0 <= part < config.parts:
        raise LamoError(f"world.parts is {config.parts}: found part {part}, expected 0 to {config.parts - 1}")
    return range(part, config.videos(split), config.parts)


def render_world(
    config: WorldConfig, split: str, indices: Iterable[int], out_dir: str | Path, labels_path: str | Path | None = None
) -> pd.DataFrame:
    """Render drives to `out_dir/videos/{split}/{id}.mov`; return (and write) the true world state of their frames.

    Drives are independent of each other: any division of the indices over jobs gives the same files. Shows a bar.
    """
    indices, tables = list(indices), []
    folder = Path(out_dir) / "videos" / split
    folder.mkdir(parents=True, exist_ok=True)
    for index in Bar(indices, desc=f"rendering {split}", unit="video"):
        drive, name = simulate(config, clip_seed(config, split, index)), clip_id(split, index)
        write_video(folder / f"{name}.mov", render(drive, config), config.fps)
        tables.append(labels(drive, name))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if labels_path is not None:
        with replacing(labels_path) as temporary:
            table.to_parquet(temporary, index=False)
    return table
