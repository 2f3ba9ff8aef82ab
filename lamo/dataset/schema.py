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
        column("stream", pa.int32(), "number of the video stream in the file"),
        column("other_streams", pa.string(), "other video streams, covers and thumbnails of the file; null if none"),
        column(
            "field_order",
            pa.string(),
            "progressive, or interlaced with the order of fields in ffmpeg's names, as tt or bb; interlaced where the "
            "order is unknown, mixed if some frames are progressive; null where the file says nothing",
        ),
        column(
            "transfer",
            pa.string(),
            "transfer in ffmpeg's names, as bt709 or smpte2084; null where the file says nothing",
        ),
        column(
            "primaries",
            pa.string(),
            "primaries in ffmpeg's names, as bt709 or bt2020; null where the file says nothing",
        ),
        column("crop_left", pa.int32(), "left of the stored picture that the container asks to leave out; pixels"),
        column("crop_right", pa.int32(), "the same at the right; pixels"),
        column("crop_top", pa.int32(), "the same at the top; pixels"),
        column("crop_bottom", pa.int32(), "the same at the bottom; pixels"),
        column("frames", pa.int32(), "frames stored, on the grid of frames.rate_hz; 0 if quarantined"),
        column(
            "status",
            pa.string(),
            "ok, repaired (usable; something was wrong or was converted) or quarantined (not used)",
        ),
        column("reason", pa.string(), "why it is not ok and, if repaired, what was done; empty if ok"),
        column("shard", pa.int32(), "shard of the split whose frames store holds the clip"),
    ]
)


def write_clips(path: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write rows (keys as in `DECODED_SCHEMA`) to Parquet, atomically."""
    write_rows(path, rows, DECODED_SCHEMA)
