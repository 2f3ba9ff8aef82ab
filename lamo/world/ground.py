"""Sky, hills, land and the painted road: everything of a picture that fills it without being an object.

Every pixel is the exact average of what it covers where that is cheap (dashes along a row, line widths across it), so
that small pictures neither flicker nor shimmer.
"""

from functools import lru_cache

import numpy as np

from lamo.world.camera import CAMERA_HEIGHT_M, HAZE_M, Camera, Light
from lamo.world.scenery import ROAD_HALF_WIDTH_M
from lamo.world.simulation import Drive

LANE_M = 3.5
EDGE_M = 6.9
TILE = 256
TILE_CELL_M = 0.25
FARTHEST_M = 400.0


def road_centre(drive: Drive, frames: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Place (m, right of the camera's axis) of the road's centre line at `distance` (m, [n, K]) ahead."""
    at = drive.position[frames][:, None]
    ahead = drive.road.centre(at, distance) - distance * np.tan(drive.heading_error[frames])[:, None]
    return ahead - drive.lateral_offset[frames][:, None]


def paint_background(planes: np.ndarray, drive: Drive, frames: np.ndarray, camera: Camera, light: Light) -> None:
    """Fill planes float32 [3, n, H, W] (0..1) with sky, hills, land and road."""
    bottom = min(camera.height, int(np.ceil(camera.horizon.max())) + 1)
    _paint_sky(planes[:, :, :bottom], drive, frames, camera, light)
    planes[:, :, bottom:] = 0.0
    top = max(0, int(np.floor(camera.horizon.min())))
    rows = np.arange(top, camera.height)[None, :] - camera.horizon[:, None]
    _paint_ground(planes[:, :, top:], rows, drive, frames, camera, light)


def _paint_sky(planes: np.ndarray, drive: Drive, frames: np.ndarray, camera: Camera, light: Light) -> None:
    style, rows = drive.style, np.arange(planes.shape[2], dtype=np.float32)
    angle = drive.heading[frames][:, None] + np.arctan(camera.columns() / camera.focal)[None, :]
    up = np.clip((camera.horizon[:, None] - rows - 0.5) / camera.horizon[:, None], 0, 1).astype(np.float32)
    column = ((angle + style.texture_shift[0]) * (TILE / 2 / np.pi)).astype(np.int64) % TILE
    row = (up * 60 + style.texture_shift[1]).astype(np.int64) % TILE
    cloud = _tile()[row[:, :, None], column[:, None, :]]
    cloud *= (0.07 * (1 - light.headlights))[:, None, None]
    line = {name: camera.horizon[:, None] - camera.focal * _heights(getattr(style, name), angle) for name in _HILLS}
    below = {name: _clip01(rows[:, None] + 1 - edge.astype(np.float32)[:, None, :]) for name, edge in line.items()}
    for channel, plane in enumerate(planes):
        haze, zenith = _column(light.haze, channel), _column(light.zenith, channel)
        plane[:] = cloud
        plane += (haze + (zenith - haze) * up**0.8)[:, :, None]
        for name, (closeness, shade) in _HILLS.items():
            colour = style.hill_colour[channel] if name == "hills" else shade * style.land[channel]
            lit = _column(light.ambient, channel) * colour * closeness + haze * (1 - closeness)
            plane += below[name] * (lit[:, :, None] - plane)


_HILLS = {"hills": (0.75, 1.0), "ridge": (0.9, 0.62)}


def _heights(harmonics: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Height of a hill line (rad) in the directions `angle`, never below the horizon."""
    waves = [size * np.sin(turns * angle + phase) for turns, size, phase in harmonics]
    return np.maximum(sum(waves) + 0.8 * harmonics[:, 1].max(), 0.0)


def _paint_ground(
    planes: np.ndarray, rows: np.ndarray, drive: Drive, frames: np.ndarray, camera: Camera, light: Light
) -> None:
    """`rows` [n, R]: upper edge of each pixel row below the horizon, pixels."""
    style, scale = drive.style, camera.focal * CAMERA_HEIGHT_M
    nearest, middle, farthest = (scale / np.maximum(rows + part, scale / FARTHEST_M) for part in (1.0, 0.5, 0.0))
    pixels = (camera.focal / middle).astype(np.float32)
    centre = road_centre(drive, frames, middle).astype(np.float32)
    across = camera.columns()[None, None, :] - (centre * pixels)[:, :, None]
    # How far the centre line runs sideways within the row, pixels.
    lower, upper = (road_centre(drive, frames, at) * camera.focal / at for at in (nearest, farthest))
    lean = lower - upper
    position = drive.position[frames][:, None]
    dash = _dash_share(position + nearest, position + farthest, style.dash_m, style.period_m).astype(np.float32)
    half = style.line_m / 2 * pixels
    on_road = _side(across, ROAD_HALF_WIDTH_M, pixels, lean) * _side(-across, ROAD_HALF_WIDTH_M, pixels, -lean)
    white = _band(across, LANE_M, pixels, lean, half) + _band(across, -LANE_M, pixels, lean, half)
    white *= dash[:, :, None]
    white += _band(across, EDGE_M, pixels, lean, 0.9 * half) + _band(across, -EDGE_M, pixels, lean, 0.9 * half)
    middle_line = _band(across, 0.0, pixels, lean, 1.2 * half)
    if style.centre_dashed:
        middle_line *= dash[:, :, None]
    grain = _texture(across, pixels, position + middle, farthest - nearest, style.texture_shift)
    grain *= 0.42 - 0.30 * on_road
    grain += 1.0
    haze = (1 - np.exp(-middle / HAZE_M)).astype(np.float32)
    share = _clip01(rows + 1.0).astype(np.float32)[:, :, None]
    beam = None
    if light.headlights.max() > 0:
        spread = light.beam(camera.columns() / camera.focal).astype(np.float32)
        beam = (0.85 * light.headlights[:, None] * light.reach(middle)).astype(np.float32)[:, :, None] * spread
    for channel, plane in enumerate(planes):
        value = on_road * np.float32(style.road[channel] - style.land[channel])
        value += np.float32(style.land[channel])
        value *= grain
        value += white * (np.float32(0.97) - value)
        value += middle_line * (np.float32(style.centre[channel]) - value)
        ambient = _column(light.ambient, channel)
        value *= ambient[:, :, None] if beam is None else ambient[:, :, None] + beam
        value += haze[:, :, None] * (_column(light.haze, channel)[:, :, None] - value)
        value -= plane
        value *= share
        plane += value


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


def _texture(
    across: np.ndarray, pixels: np.ndarray, along: np.ndarray, footprint: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Patches of the land, fading where a pixel row covers more than a patch."""
    u = across * (1.0 / (TILE_CELL_M * pixels))[:, :, None]
    u += 64.0 * TILE + shift[0] / TILE_CELL_M
    cells = u.astype(np.int32)
    cells &= TILE - 1
    v = ((along + shift[1]) / TILE_CELL_M).astype(np.int32) % TILE
    cells += (v * TILE)[:, :, None]
    fade = np.clip(1.6 - footprint / 4.0, 0.0, 1.0).astype(np.float32)
    return np.take(_tile().ravel(), cells) * fade[:, :, None]


@lru_cache(maxsize=1)
def _tile() -> np.ndarray:
    """A periodic float32 tile of bold patches, about four metres across, values -1 to 1."""
    noise = np.random.default_rng(20).normal(size=(TILE, TILE))
    frequency = np.fft.fftfreq(TILE, d=TILE_CELL_M)
    smooth = np.exp(-2 * (np.pi * 1.1) ** 2 * (frequency[:, None] ** 2 + frequency[None, :] ** 2))
    patches = np.fft.ifft2(np.fft.fft2(noise) * smooth).real
    return np.tanh(2.0 * patches / patches.std()).astype(np.float32)


def _clip01(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0.0, 1.0)


def _column(colours: np.ndarray, channel: int) -> np.ndarray:
    return colours[:, channel, None].astype(np.float32)
