"""Roads as they lie in a picture: which share of each pixel row and pixel they and their lines cover.

Shapes: n frames, R pixel rows below the horizon, W columns.
"""

from dataclasses import dataclass, replace

import numpy as np

from lamo.world.camera import CAMERA_HEIGHT_M, Camera
from lamo.world.forks import LIGHT, STRAIGHT
from lamo.world.junctions import COMING_M, coming_into_view, junctions_passed, main_road, side_roads
from lamo.world.road import Road
from lamo.world.simulation import Drive

FARTHEST_M = 400.0
# A line across the own half of the road, before junctions and traffic lights: how far before, and how thick.
STOP_LINE_M = (1.0, 1.8)


def road_centre(drive: Drive, frames: np.ndarray, distance: np.ndarray, road: Road | None = None) -> np.ndarray:
    """Place (m, right of the camera's axis) of the centre line at `distance` (m, [n, K]) ahead.

    Of the road driven on, or of `road`, another way at a junction.
    """
    at = drive.position[frames][:, None]
    ahead = (road or drive.road).centre(at, distance, drive.road)
    ahead = ahead - distance * np.tan(drive.heading_error[frames])[:, None]
    return ahead - drive.lateral_offset[frames][:, None]


@dataclass(frozen=True)
class Rows:
    """Pixel rows of the ground: distance of their lower edge, middle and upper edge, m; pixels per metre [n, R]."""

    nearest: np.ndarray
    middle: np.ndarray
    farthest: np.ndarray
    pixels: np.ndarray

    @classmethod
    def below(cls, edges: np.ndarray, camera: Camera) -> "Rows":
        """The rows whose upper edges lie `edges` [n, R] pixels below the horizon."""
        scale = camera.focal * CAMERA_HEIGHT_M
        nearest, middle, farthest = (scale / np.maximum(edges + part, scale / FARTHEST_M) for part in (1.0, 0.5, 0.0))
        return cls(nearest, middle, farthest, (camera.focal / middle).astype(np.float32))

    def upper(self, count: int) -> "Rows":
        """The `count` rows nearest to the horizon."""
        return Rows(*(getattr(self, name)[:, :count] for name in self.__dataclass_fields__))

    def share(self, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Share of each row that lies between two distances [n] (m): float32 [n, R]."""
        overlap = np.minimum(self.farthest, end[:, None]) - np.maximum(self.nearest, begin[:, None])
        return np.clip(overlap / np.maximum(self.farthest - self.nearest, 1e-6), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Strip:
    """Roads in a picture, shares of pixels float32 [n, R, W]: road, white lines, centre lines.

    `across` [n, R, W]: pixels right of the main road's centre line. Shortly behind a junction at which the car turned,
    `before` is the same of the road straight on, and how much of it still counts [n, 1, 1].
    """

    across: np.ndarray
    road: np.ndarray
    white: np.ndarray
    middle_line: np.ndarray
    before: tuple[np.ndarray, np.ndarray] | None = None


def make_strip(drive: Drive, frames: np.ndarray, camera: Camera, rows: Rows, road: Road) -> Strip:
    """Lay a road into the picture."""
    style, pixels = drive.style, rows.pixels
    centre = road_centre(drive, frames, rows.middle, road).astype(np.float32)
    across = camera.columns()[None, None, :] - (centre * pixels)[:, :, None]
    # How far the centre line runs sideways within the row, pixels.
    lower, upper = (road_centre(drive, frames, at, road) * camera.focal / at for at in (rows.nearest, rows.farthest))
    lean = lower - upper
    position = drive.position[frames][:, None]
    stretch = position + rows.nearest, position + rows.farthest
    dash = _dash_share(*stretch, style.dash_m, style.period_m).astype(np.float32)
    half = style.line_m / 2 * pixels
    profile = road.profile
    on_road = _side(across, profile.half_width_m, pixels, lean) * _side(-across, profile.half_width_m, pixels, -lean)
    white = np.zeros_like(across)
    for place in profile.lanes_m:
        white += _band(across, place, pixels, lean, half) + _band(across, -place, pixels, lean, half)
    white *= dash[:, :, None]
    edge = profile.edge_m
    white += _band(across, edge, pixels, lean, 0.9 * half) + _band(across, -edge, pixels, lean, 0.9 * half)
    middle_line = _band(across, 0.0, pixels, lean, 1.2 * half)
    if style.centre_dashed:
        middle_line *= dash[:, :, None]
    return Strip(across, on_road, white, middle_line)


def lay_roads(drive: Drive, frames: np.ndarray, camera: Camera, rows: Rows) -> Strip:
    """The road, and where there are junctions the ways that part from it. All `frames` lie between the same two."""
    if not drive.forks.junctions:
        roads = make_strip(drive, frames, camera, rows, drive.road)
    else:
        roads = _divided(drive, frames, camera, rows)
    if drive.forks.kind == LIGHT:
        for position in drive.forks.position:
            _stop_line(roads, position - drive.position[frames], rows, _each_pixel(np.ones(len(frames))))
    return roads


def _divided(drive: Drive, frames: np.ndarray, camera: Camera, rows: Rows) -> Strip:
    """The road and the ways that part from it at the last junction and at the next."""
    forks, position = drive.forks, drive.position[frames]
    passed = int(junctions_passed(forks, position[:1])[0])
    roads = make_strip(drive, frames, camera, rows, main_road(forks, passed))
    before = None
    for index in range(max(0, passed - 1), min(passed + 1, len(forks.junctions))):
        begin = forks.position[index] - position
        count = int((rows.farthest > begin[:, None]).any(axis=0).sum())
        upper = rows.upper(count)
        sides = side_roads(forks, passed, index, position)
        strips = [make_strip(drive, frames, camera, upper, road) for road, _ in sides]
        behind = upper.share(begin, np.full_like(begin, FARTHEST_M))
        _join(roads, strips, [_each_pixel(clear) for _, clear in sides], behind[:, :, None])
        _stop_line(roads, begin, rows, _each_pixel(coming_into_view(forks, index, position)))
        for strip, (road, _) in zip(strips, sides, strict=True):
            if index < passed and road is forks.junctions[index].ways[STRAIGHT]:
                before = strip.across, _each_pixel(np.clip(1 + begin / COMING_M, 0.0, 1.0))
    return replace(roads, before=before)


def _join(roads: Strip, sides: list[Strip], clear: list[np.ndarray], behind: np.ndarray) -> None:
    """Add side roads of an opacity `clear` [n, 1, 1] to the upper rows of `roads`, in place.

    Of what lies behind the junction (`behind` [n, R', 1]) lines are painted where one of the roads lies alone.
    """
    count = behind.shape[1]
    cover = [behind * roads.road[:, :count], *(behind * c * side.road for c, side in zip(clear, sides, strict=True))]
    lines = [np.ones_like(cover[0]) for _ in cover]
    for one, line in enumerate(lines):
        for other, covered in enumerate(cover):
            if other != one:
                line *= 1 - covered
    for name in ("white", "middle_line"):
        whole = getattr(roads, name)[:, :count]
        whole *= lines[0]
        for side, c, line in zip(sides, clear, lines[1:], strict=True):
            np.maximum(whole, c * line * getattr(side, name), out=whole)
    for side, c in zip(sides, clear, strict=True):
        np.maximum(roads.road[:, :count], c * side.road, out=roads.road[:, :count])


def _each_pixel(values: np.ndarray) -> np.ndarray:
    """Values of frames [n] for all their pixels: float32 [n, 1, 1]."""
    return values.astype(np.float32)[:, None, None]


def _stop_line(roads: Strip, begin: np.ndarray, rows: Rows, clear: np.ndarray) -> None:
    """Paint a line across the right half of the road, before the place at `begin` [n] (m ahead)."""
    half = np.clip(roads.across / rows.pixels[:, :, None] * 4, 0.0, 1.0) * roads.road
    share = rows.share(begin - STOP_LINE_M[1], begin - STOP_LINE_M[0])[:, :, None]
    np.maximum(roads.white, clear * half * share, out=roads.white)


def _dash_share(start: np.ndarray, end: np.ndarray, dash: float, period: float) -> np.ndarray:
    """Share of the stretch from start to end (m) that dashes cover, exactly."""

    def painted(s: np.ndarray) -> np.ndarray:
        turns = np.floor(s / period)
        return turns * dash + np.minimum(s - turns * period, dash)

    return (painted(end) - painted(start)) / np.maximum(end - start, 1e-6)


def _blur(place: float, lean: np.ndarray) -> np.ndarray:
    """Width (pixels) that a line at `place` (m) sweeps within one pixel row, at least the pixel itself."""
    return np.sqrt(1.0 + (lean + place / CAMERA_HEIGHT_M) ** 2).astype(np.float32)


def _side(across: np.ndarray, place: float, pixels: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """Share of each pixel left of a line at `place` (m)."""
    blur = _blur(place, lean)
    cover = across * (-1.0 / blur)[:, :, None]
    cover += (place * pixels / blur + 0.5)[:, :, None]
    return np.clip(cover, 0.0, 1.0, out=cover)


def _band(across: np.ndarray, place: float, pixels: np.ndarray, lean: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Share of each pixel (across [n, R, W]) under a line at `place` (m) of `half` its width in pixels [n, R].

    The line's box, smeared by what it sweeps within the row: lines that run nearly along a row stay unbroken.
    """
    blur = _blur(place, lean)
    cover = across - (place * pixels)[:, :, None]
    np.abs(cover, out=cover)
    cover *= (-1.0 / blur)[:, :, None]
    cover += (half / blur + 0.5)[:, :, None]
    return np.clip(cover, 0.0, np.minimum(2 * half / blur, 1.0)[:, :, None], out=cover)
