"""The tables that decoding writes: one row per clip, with what became of it and why."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from lamo.dataset.tables import column, write_rows

DECODED_SCHEMA = pa.schema(
    [
        column("id", pa.string(), "name of the clip, unique"),
        column("split", pa.string(), "train or val"),
        column("path", pa.string(), "the video file"),
        column("bytes", pa.int64(), "size of the file; bytes"),
        column("codec", pa.string(), "video codec; null if the file could not be opened"),
        column("width", pa.int32(), "width of the stored picture before rotation; pixels"),
        column("height", pa.int32(), "height of the stored picture before rotation; pixels"),
        column("pixel_format", pa.string(), "pixel format of the file in ffmpeg's names, as yuv420p or yuv420p10le"),
        column("source_fps", pa.float64(), "average frame rate of the file; 1/s"),
        column("duration_s", pa.float64(), "duration of the video stream; s"),
        column("rotation_deg", pa.int32(), "rotation counterclockwise that the file asks players for; degrees"),
        column("mirrored", pa.bool_(), "whether the file asks players to mirror the picture"),
        column("frames", pa.int32(), "frames stored, on the grid of frames.rate_hz; 0 if quarantined"),
        column("status", pa.string(), "ok, repaired (usable, something was wrong) or quarantined (not used)"),
        column("reason", pa.string(), "what was wrong and, if repaired, what was done; empty if ok"),
        column("shard", pa.int32(), "shard of the split whose frames store holds the clip"),
    ]
)


def write_clips(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write rows (keys as in `DECODED_SCHEMA`) to Parquet, atomically."""
    write_rows(path, rows, DECODED_SCHEMA)
