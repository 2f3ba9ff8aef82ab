"""What decoding is asked for and what it returns. It imports little: a parent of decoding processes needs no more."""

from dataclasses import dataclass

import numpy as np

OK, REPAIRED, QUARANTINED = "ok", "repaired", "quarantined"


@dataclass(frozen=True)
class Part:
    """The part of a video that is one clip: shares of its time, and the seconds left out at the start of the part."""

    start_share: float = 0.0
    end_share: float = 1.0
    lead_s: float = 0.0


@dataclass(frozen=True)
class Source:
    """What a file says about its video stream; see `lamo.dataset.schema.DECODED_SCHEMA`. None where it says nothing."""

    codec: str | None = None
    width: int | None = None
    height: int | None = None
    pixel_format: str | None = None
    source_fps: float | None = None
    duration_s: float | None = None
    rotation_deg: int | None = None
    mirrored: bool | None = None
    stream: int | None = None
    other_streams: str | None = None
    field_order: str | None = None
    transfer: str | None = None
    primaries: str | None = None
    crop_left: int | None = None
    crop_right: int | None = None
    crop_top: int | None = None
    crop_bottom: int | None = None


@dataclass(frozen=True)
class Decoded:
    """One decoded clip: frames uint8 [n, H, W, 3]; times [n], presentation times in s after the video's first frame.

    status ok, repaired or quarantined (then n = 0), with the reason.
    """

    frames: np.ndarray
    times: np.ndarray
    source: Source
    status: str = OK
    reason: str = ""


class UnusableError(Exception):
    """The reason why a clip cannot be used at all."""


def quarantined(height: int, width: int, reason: str, source: Source | None = None) -> Decoded:
    """A clip that is not used, with no frames of the given size."""
    nothing = np.empty((0, height, width, 3), dtype=np.uint8)
    return Decoded(nothing, np.empty(0), source or Source(), QUARANTINED, reason)
