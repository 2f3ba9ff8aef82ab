"""Sky, hills, land and the painted road: everything of a picture that fills it without being an object.

Every pixel is the exact average of what it covers where that is cheap (dashes along a row, line widths across it), so
that small pictures neither flicker nor shimmer.
"""

from functools import lru_cache

import numpy as np

from lamo.world.camera import HAZE_M, Camera, Light
from lamo.world.simulation import Drive
from lamo.world.strips import Rows, lay_roads

TILE = 256
TILE_CELL_M = 0.25


def paint_background(planes: np.ndarray, drive: Drive, frames: np.ndarray, camera: Camera, light: Light) -> None:
    """Fill planes float32 [3, n, H, W] (0..1) with sky, hills, land and roads.

    All `frames` lie between the same two junctions.
    """
    bottom = min(camera.height, int(np.ceil(camera.horizon.max())) + 1)
    _paint_sky(planes[:, :, :bottom], drive, frames, camera, light)
    planes[:, :, bottom:] = 0.0
    top = max(0, int(np.floor(camera.horizon.min())))
    edges = np.arange(top, camera.height)[None, :] - camera.horizon[:, None]
    _paint_ground(planes[:, :, top:], edges, drive, frames, camera, light)


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
    planes: np.ndarray, edges: np.ndarray, drive: Drive, frames: np.ndarray, camera: Camera, light: Light
) -> None:
    """`edges` [n, R]: upper edge of each pixel row below the horizon, pixels."""
    style, rows = drive.style, Rows.below(edges, camera)
    roads = lay_roads(drive, frames, camera, rows)
    grain = _texture(roads.across, rows, drive, frames)
    if roads.before is not None:
        before, weight = roads.before
        grain += weight * (_texture(before, rows, drive, frames) - grain)
    grain *= 0.42 - 0.30 * roads.road
    grain += 1.0
    haze = (1 - np.exp(-rows.middle / HAZE_M)).astype(np.float32)
    share = _clip01(edges + 1.0).astype(np.float32)[:, :, None]
    beam = None
    if light.headlights.max() > 0:
        spread = light.beam(camera.columns() / camera.focal).astype(np.float32)
        beam = (0.85 * light.headlights[:, None] * light.reach(rows.middle)).astype(np.float32)[:, :, None] * spread
    for channel, plane in enumerate(planes):
        value = roads.road * np.float32(style.road[channel] - style.land[channel])
        value += np.float32(style.land[channel])
        value *= grain
        value += roads.white * (np.float32(0.97) - value)
        value += roads.middle_line * (np.float32(style.centre[channel]) - value)
        ambient = _column(light.ambient, channel)
        value *= ambient[:, :, None] if beam is None else ambient[:, :, None] + beam
        value += haze[:, :, None] * (_column(light.haze, channel)[:, :, None] - value)
        value -= plane
        value *= share
        plane += value


def _texture(across: np.ndarray, rows: Rows, drive: Drive, frames: np.ndarray) -> np.ndarray:
    """Patches of the land beside a road (`across` [n, R, W] pixels right of it), fading where a pixel row covers more
    than a patch."""
    shift, along = drive.style.texture_shift, drive.position[frames][:, None] + rows.middle
    u = across * (1.0 / (TILE_CELL_M * rows.pixels))[:, :, None]
    u += 64.0 * TILE + shift[0] / TILE_CELL_M
    cells = u.astype(np.int32)
    cells &= TILE - 1
    v = ((along + shift[1]) / TILE_CELL_M).astype(np.int32) % TILE
    cells += (v * TILE)[:, :, None]
    fade = np.clip(1.6 - (rows.farthest - rows.nearest) / 4.0, 0.0, 1.0).astype(np.float32)
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
