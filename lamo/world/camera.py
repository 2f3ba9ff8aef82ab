"""The dashcam and the light it sees by."""

from dataclasses import dataclass

import numpy as np

from lamo.world.simulation import Drive

CAMERA_HEIGHT_M = 1.5
HALF_ANGLE_TAN = 0.77
HORIZON = 0.42
PITCH_PER_ACCELERATION = 0.0035
HAZE_M = 160.0
HEADLIGHT_M = 26.0

_LIGHTS = np.array([0.0, 0.45, 0.8, 1.0])
_AMBIENT = np.array([[0.17, 0.19, 0.28], [0.64, 0.50, 0.48], [0.92, 0.92, 0.92], [1.0, 1.0, 1.0]])
_ZENITH = np.array([[0.02, 0.03, 0.09], [0.30, 0.32, 0.54], [0.34, 0.54, 0.84], [0.32, 0.56, 0.90]])
_HORIZON = np.array([[0.07, 0.08, 0.17], [0.95, 0.58, 0.36], [0.80, 0.86, 0.92], [0.82, 0.90, 0.97]])


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera at 1.5 m; square pixels, `horizon` [n] in pixel rows (it dips when the car brakes)."""

    height: int
    width: int
    focal: float
    horizon: np.ndarray

    def columns(self) -> np.ndarray:
        """Pixel centres right of the optical axis, pixels [W]."""
        return (np.arange(self.width, dtype=np.float32) + 0.5) - self.width / 2

    def across(self, metres: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Column (pixels) of a point `metres` right of the axis at `distance` (m)."""
        return self.width / 2 + self.focal * metres / distance


@dataclass(frozen=True)
class Light:
    """Colours per frame [n, 3]: ambient light, sky at the top and at the horizon; headlights [n], 0 by day to 1."""

    ambient: np.ndarray
    zenith: np.ndarray
    haze: np.ndarray
    headlights: np.ndarray

    def beam(self, tangent: np.ndarray) -> np.ndarray:
        """Brightness of the ego's headlights in a direction (tangent of the angle off the axis)."""
        return 1.0 / (1.0 + (tangent / 0.5) ** 4)

    def reach(self, distance: np.ndarray) -> np.ndarray:
        """Brightness of the ego's headlights at a distance (m)."""
        return np.exp(-((distance / HEADLIGHT_M) ** 1.5))


def make_camera(drive: Drive, frames: np.ndarray, height: int, width: int) -> Camera:
    """The camera of each of the given source frames; the field of view does not depend on the size."""
    focal = width / 2 / HALF_ANGLE_TAN
    return Camera(height, width, focal, height * HORIZON + focal * PITCH_PER_ACCELERATION * drive.acceleration[frames])


def make_light(drive: Drive, frames: np.ndarray) -> Light:
    """The light of each of the given source frames."""
    light = drive.light[frames]

    def mix(table: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(light, _LIGHTS, table[:, channel]) for channel in range(3)], axis=1)

    grey, zenith, haze = drive.style.overcast, mix(_ZENITH), mix(_HORIZON)
    zenith = zenith + grey * (0.85 * haze.mean(axis=1, keepdims=True) - zenith)
    return Light(mix(_AMBIENT) * (1 - 0.15 * grey), zenith, haze, np.clip((0.6 - light) / 0.4, 0.0, 1.0))
