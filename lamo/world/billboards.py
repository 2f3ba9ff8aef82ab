"""Objects of the world as upright shapes: a small table says what each kind is made of."""

from dataclasses import dataclass

import numpy as np

from lamo.world.camera import CAMERA_HEIGHT_M, HAZE_M, Camera, Light
from lamo.world.painter import BOX, CABIN, ELLIPSE, TRIANGLE, Shapes, join
from lamo.world.scenery import BROADLEAF, CAR_LENGTH_M, CONIFER, HOUSE, ISLAND, LAMPS, POST, SIGN
from lamo.world.simulation import SIGHT_M, Drive
from lamo.world.standing import NEAR_M, Seen, standing
from lamo.world.strips import road_centre


@dataclass(frozen=True)
class Piece:
    """A shape of a kind: across in widths (-0.5 to 0.5), up in heights; colour "primary", "secondary" or fixed.

    `glow` is the share of its own light (1 shines at night as by day).
    """

    outline: int
    left: float
    right: float
    low: float
    high: float
    colour: str | tuple[float, float, float]
    glow: float = 0.0
    opacity: float = 1.0


_DARK, _WHITE, _RED = (0.05, 0.05, 0.06), (0.97, 0.97, 0.95), (0.9, 0.08, 0.06)
_KINDS = {
    POST: (
        Piece(BOX, -0.5, 0.5, 0.0, 1.0, _WHITE, glow=0.15),
        Piece(BOX, -0.5, 0.5, 0.62, 0.86, _RED, glow=0.3),
    ),
    BROADLEAF: (
        Piece(BOX, -0.08, 0.08, 0.0, 0.5, "secondary"),
        Piece(ELLIPSE, -0.5, 0.5, 0.28, 1.0, "primary"),
    ),
    CONIFER: (
        Piece(BOX, -0.07, 0.07, 0.0, 0.2, "secondary"),
        Piece(TRIANGLE, -0.5, 0.5, 0.12, 1.0, "primary"),
    ),
    SIGN: (
        Piece(BOX, -0.05, 0.05, 0.0, 0.6, (0.5, 0.5, 0.52)),
        Piece(BOX, -0.5, 0.5, 0.48, 1.0, _WHITE, glow=0.25),
        Piece(BOX, -0.43, 0.43, 0.53, 0.95, "primary", glow=0.25),
    ),
    HOUSE: (
        Piece(BOX, -0.5, 0.5, 0.0, 0.62, "primary"),
        Piece(BOX, -0.32, -0.14, 0.22, 0.46, (0.98, 0.85, 0.45), glow=0.8),
        Piece(BOX, 0.14, 0.32, 0.22, 0.46, _DARK),
        Piece(TRIANGLE, -0.58, 0.58, 0.60, 1.0, "secondary"),
    ),
    ISLAND: (
        Piece(BOX, -0.06, 0.06, 0.0, 0.4, (0.5, 0.5, 0.52)),
        Piece(BOX, -0.5, 0.5, 0.3, 1.0, (0.05, 0.2, 0.75), glow=0.5),
        Piece(TRIANGLE, -0.38, 0.38, 0.38, 0.92, _WHITE, glow=0.6),
    ),
}
_POLE = (
    Piece(BOX, -0.1, 0.1, 0.0, 0.4, (0.45, 0.45, 0.47)),
    Piece(BOX, -0.5, 0.5, 0.3, 1.0, _DARK, glow=0.1),
)
# From the lowest lamp up.
for _kind, _low, _colour in zip(
    LAMPS, (0.32, 0.54, 0.76), ((0.1, 1.0, 0.45), (1.0, 0.7, 0.0), (1.0, 0.1, 0.08)), strict=True
):
    _KINDS[_kind] = (*_POLE, Piece(ELLIPSE, -0.45, 0.45, _low, _low + 0.22, _colour, glow=1.0))
_CAR_BODY = (
    Piece(BOX, -0.52, 0.52, -0.03, 0.10, (0.03, 0.03, 0.03)),
    Piece(BOX, -0.5, 0.5, 0.10, 0.60, "primary"),
    Piece(CABIN, -0.46, 0.46, 0.58, 1.0, "primary"),
    Piece(CABIN, -0.37, 0.37, 0.62, 0.92, (0.10, 0.13, 0.18)),
)
_REAR = tuple(Piece(BOX, x, x + 0.2, 0.36, 0.58, (0.62, 0.05, 0.04), glow=0.55) for x in (-0.48, 0.28))
_BRAKE = tuple(Piece(ELLIPSE, x, x + 0.34, 0.28, 0.66, (1.0, 0.16, 0.10), glow=1.0) for x in (-0.56, 0.22))
_FRONT = tuple(Piece(ELLIPSE, x, x + 0.24, 0.26, 0.54, (1.0, 0.98, 0.86), glow=1.0) for x in (-0.48, 0.24))


def shapes_of(drive: Drive, frames: np.ndarray, camera: Camera, light: Light) -> Shapes:
    """All shapes in view in the given source frames; the shapes' frames count from 0 within `frames`."""
    seen, kind = standing(drive, frames)
    groups = []
    for name, pieces in _KINDS.items():
        groups.append(_pieces(seen.take(np.flatnonzero(kind == name)), pieces, camera, light))
    return join(groups + _cars(drive, frames, camera, light))


def _cars(drive: Drive, frames: np.ndarray, camera: Camera, light: Light) -> list[Shapes]:
    distance = drive.car_distance[frames]
    frame, car = np.nonzero((distance > NEAR_M + 1.5 - CAR_LENGTH_M / 2) & (distance < SIGHT_M))
    if not len(frame):
        return []
    scenery, middle = drive.scenery, distance[frame, car]
    near = np.maximum(middle - CAR_LENGTH_M / 2, NEAR_M)
    far = np.maximum(middle + CAR_LENGTH_M / 2, NEAR_M + 0.5)
    lateral = drive.car_lateral[frames][frame, car]
    place, behind = (lateral + road_centre(drive, frames[frame], at[:, None])[:, 0] for at in (near, far))
    size = scenery.car_width[car], scenery.car_height[car]
    colour = scenery.car_colour[car]
    seen = Seen(frame, near, place, *size, colour, colour, np.ones(len(frame)))
    oncoming = drive.car_oncoming[car]
    braking = drive.car_braking[frames][frame, car] & ~oncoming
    return [
        *_sides(seen, behind, far, camera, light),
        _pieces(seen, _CAR_BODY, camera, light),
        _pieces(seen.take(np.flatnonzero(~oncoming & ~braking)), _REAR, camera, light, layer=8),
        _pieces(seen.take(np.flatnonzero(braking)), _BRAKE, camera, light, layer=8),
        _pieces(seen.take(np.flatnonzero(oncoming)), _FRONT, camera, light, layer=8),
    ]


def _sides(seen: Seen, behind: np.ndarray, far: np.ndarray, camera: Camera, light: Light) -> list[Shapes]:
    """The flank of a car that is not straight ahead, between its near and its far face."""
    half, middle = seen.width / 2, (seen.distance + far) / 2
    groups = []
    for sign in (-1.0, 1.0):
        inner = camera.across(seen.place + sign * half, seen.distance)
        outer = camera.across(behind + sign * half, far)
        rows = np.flatnonzero(sign * (outer - inner) > 0)
        left, right = np.minimum(inner, outer)[rows], np.maximum(inner, outer)[rows]
        flank = seen.take(rows)
        for low, high, shade, layer in ((0.06, 0.62, 0.55, 0), (0.55, 0.92, 0.30, 1)):
            colour = _lit(shade * flank.primary, np.zeros(1), flank, camera, light)
            scale, horizon = camera.focal / middle[rows], camera.horizon[flank.frame]
            bottom = horizon + scale * (CAMERA_HEIGHT_M - low * flank.height)
            top = horizon + scale * (CAMERA_HEIGHT_M - high * flank.height)
            count = len(rows)
            # The flank goes beneath the near face: a layer below it at the same depth.
            layers, boxes = np.full(count, layer - 4), np.full(count, BOX)
            opacity = _fade(flank.distance)
            groups.append(Shapes(flank.frame, flank.distance, layers, boxes, left, right, top, bottom, colour, opacity))
    return groups


def _pieces(seen: Seen, pieces: tuple[Piece, ...], camera: Camera, light: Light, layer: int = 0) -> Shapes:
    groups = []
    scale, horizon = camera.focal / seen.distance, camera.horizon[seen.frame]
    middle, count = camera.across(seen.place, seen.distance), len(seen.frame)
    for index, piece in enumerate(pieces):
        if isinstance(piece.colour, str):
            colour = getattr(seen, piece.colour)
        else:
            colour = np.broadcast_to(np.array(piece.colour), (count, 3))
        groups.append(
            Shapes(
                frame=seen.frame,
                depth=seen.distance,
                layer=np.full(count, layer + index),
                outline=np.full(count, piece.outline),
                left=middle + scale * piece.left * seen.width,
                right=middle + scale * piece.right * seen.width,
                top=horizon + scale * (CAMERA_HEIGHT_M - piece.high * seen.height),
                bottom=horizon + scale * (CAMERA_HEIGHT_M - piece.low * seen.height),
                colour=_lit(colour, np.full(1, piece.glow), seen, camera, light),
                opacity=piece.opacity * seen.opacity * _fade(seen.distance),
            )
        )
    return join(groups)


def _lit(colour: np.ndarray, glow: np.ndarray, seen: Seen, camera: Camera, light: Light) -> np.ndarray:
    """Colours [K, 3] in ambient light, the ego's headlights and their own glow, seen through the haze."""
    beam = 0.85 * light.headlights[seen.frame] * light.reach(seen.distance) * light.beam(seen.place / seen.distance)
    bright = np.maximum(np.minimum(light.ambient[seen.frame] + beam[:, None], 1.0), glow)
    haze = (1 - np.exp(-seen.distance / HAZE_M))[:, None] * (1 - glow)
    return colour * bright * (1 - haze) + light.haze[seen.frame] * haze


def _fade(distance: np.ndarray) -> np.ndarray:
    """Opacity: objects appear gradually at the limit of sight, never at once."""
    return np.clip((SIGHT_M - distance) / 30.0, 0.0, 1.0)
