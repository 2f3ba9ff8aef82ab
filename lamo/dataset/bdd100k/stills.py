"""Decoded frames beside BDD100K's stills: images/100k holds the picture at second 10 of each video.

The still is fitted as frames are and compared with the stored frames around second 10, in all eight orientations. What
is compared is detail: luma less its local mean. Luma itself is much alike in any two pictures of a road under a sky (it
correlates by 0.5 to 0.9 over scenes and orientations, detail by less than 0.4), and from one second to the next.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

AT_S = 10.0
AROUND_S = 1.5
MATCH, OFFSET, ORIENTATION, UNLIKE = "match", "offset", "orientation", "unlike"
NO_FRAME, UNREADABLE = "no frame there", "unreadable still"
# Correlation of detail of one scene; other scenes and wrong orientations of real clips stay below.
ALIKE = 0.4
# Pictures without detail (a tunnel, fog) correlate by their noise alone: they are alike if their pixels are.
ALIKE_PSNR_DB = 36.0
# Another orientation has to correlate better by so much. Another time has to leave unexplained (one less the square of
# the correlation) at most so large a share, and noise more.
CLEARLY, CLOSER, NOISE = 0.15, 0.5, 0.01
MAX_BYTES, MAX_PIXELS = 64 * 2**20, 50_000_000
# How frames stand beside the still: mirrored left to right, then turned counterclockwise by degrees.
ORIENTATIONS = (
    *("upright", "turned 90", "turned 180", "turned 270"),
    *("mirrored", "mirrored, turned 90", "mirrored, turned 180", "mirrored, turned 270"),
)


class UnreadableError(Exception):
    """Why a still cannot be read."""


@dataclass(frozen=True)
class Likeness:
    """How one still and the frames of its clip agree; see `lamo.dataset.bdd100k.stills_table.STILLS_SCHEMA`."""

    verdict: str
    reason: str = ""
    correlation: float | None = None
    detail: float | None = None
    detail_expected: float | None = None
    psnr_db: float | None = None
    offset_s: float | None = None
    orientation: str | None = None


def load_still(path: str | Path) -> Image.Image:
    """A still as RGB picture. Raises `UnreadableError` for whatever is none."""
    path = Path(path)
    if not path.is_file():
        raise UnreadableError("not a regular file")
    if not 0 < path.stat().st_size <= MAX_BYTES:
        raise UnreadableError(f"{path.stat().st_size} bytes, expected at least 1 and at most {MAX_BYTES}")
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise UnreadableError(f"{picture.width} x {picture.height} pixels are too many for a still")
            return picture.convert("RGB")
    except UnreadableError:
        raise
    except Exception as error:  # whatever a damaged file makes the parsers trip over
        raise UnreadableError(f"{type(error).__name__}: {error}".replace(str(path), path.name)) from error


def fit_still(picture: Image.Image, height: int, width: int, fit: str) -> np.ndarray:
    """The picture scaled by area averaging and fitted (crop or stretch) as decoded frames are, uint8 [H, W, 3]."""
    cover_height, cover_width = height, width
    if fit == "crop":
        shape = picture.width / picture.height
        cover_height = max(height, round(width / shape))
        cover_width = max(width, round(height * shape))
    scaled = np.asarray(picture.resize((cover_width, cover_height), Image.Resampling.BOX))
    top, left = (cover_height - height) // 2, (cover_width - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


def orient(picture: Image.Image, orientation: str) -> Image.Image:
    """The picture as a decoder would show it that had it mirrored and then turned counterclockwise so."""
    if orientation.startswith("mirrored"):
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for angle, turn in ((90, "ROTATE_90"), (180, "ROTATE_180"), (270, "ROTATE_270")):
        if orientation.endswith(f"turned {angle}"):
            picture = picture.transpose(Image.Transpose[turn])
    return picture


def compare(still: Image.Image, frames: np.ndarray, times: np.ndarray, rate_hz: float, fit: str) -> Likeness:
    """Find the frame, of `frames` uint8 [n, H, W, 3] at `times` [n] in s, and the orientation most like the still.

    The verdict is `orientation` or `offset` if frames in another orientation or at another time than second 10 are
    clearly more like it, `unlike` if none is like it. A scene that stands still is alike at any time: no offset.
    """
    height, width = frames.shape[1:3]
    stills = np.stack([fit_still(orient(still, name), height, width, fit) for name in ORIENTATIONS])
    luma, still_luma = _luma(frames), _luma(stills)
    radius = max(1, width // 16)
    detail = _correlations(_detail(luma, radius), _detail(still_luma, radius))

    expected = nearest(times)
    frame, turned = map(int, np.unravel_index(detail.argmax(), detail.shape))
    if turned and detail[frame, turned] < max(ALIKE, detail[:, 0].max() + CLEARLY):
        frame, turned = int(detail[:, 0].argmax()), 0
    best, here = detail[frame, turned], detail[expected, turned]
    apart = abs(times[frame] - times[expected]) > 0.5 / rate_hz
    elsewhere = best >= ALIKE and apart and 1 - best**2 + NOISE < CLOSER * (1 - max(here, 0) ** 2)
    if not elsewhere and (here >= ALIKE or best < ALIKE):
        frame = expected

    error = max(float(np.mean((luma[frame] - still_luma[turned]) ** 2)), 1e-2)
    psnr = 10 * np.log10(255**2 / error)
    if best < ALIKE:
        verdict = MATCH if psnr >= ALIKE_PSNR_DB else UNLIKE
    else:
        verdict = ORIENTATION if turned else OFFSET if elsewhere else MATCH
    return Likeness(
        verdict,
        correlation=float(_correlations(luma[[frame]], still_luma[[turned]])[0, 0]),
        detail=float(detail[frame, turned]),
        detail_expected=float(detail[expected, 0]),
        psnr_db=float(psnr),
        offset_s=float(times[frame] - AT_S),
        orientation=ORIENTATIONS[turned],
    )


def nearest(times: np.ndarray) -> int:
    """Index of the frame nearest to second 10."""
    return int(np.abs(times - AT_S).argmin())


def _luma(pictures: np.ndarray) -> np.ndarray:
    """Luma (Rec. 601) of pictures [..., H, W, 3], 0 to 255."""
    return pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _detail(luma: np.ndarray, radius: int) -> np.ndarray:
    """Luma [n, H, W] less its mean over the square of 2 `radius` + 1 pixels, as far as it lies in the picture."""
    total = np.ones(luma.shape[1:], dtype=np.float64)
    return luma - _box_sum(luma.astype(np.float64), radius) / _box_sum(total, radius)


def _box_sum(values: np.ndarray, radius: int) -> np.ndarray:
    for axis in (-2, -1):
        size = values.shape[axis]
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
        places = np.arange(size)
        high, low = np.minimum(places + radius + 1, size), np.maximum(places - radius, 0)
        values = sums.take(high, axis) - sums.take(low, axis)
    return values


def _correlations(frames: np.ndarray, stills: np.ndarray) -> np.ndarray:
    """Pearson correlation of every one of n frames with every one of m stills, [n, m]; 0 where one is constant."""
    flat = [pictures.reshape(len(pictures), -1).astype(np.float64) for pictures in (frames, stills)]
    centred = [values - values.mean(axis=1, keepdims=True) for values in flat]
    norms = [np.sqrt((values**2).sum(axis=1)) for values in centred]
    return centred[0] @ centred[1].T / np.maximum(norms[0][:, None] * norms[1][None], 1e-6)
