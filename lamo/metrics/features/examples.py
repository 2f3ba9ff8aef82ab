"""True frames of the synthetic world with what can be seen in them, to train a feature network on."""

from dataclasses import dataclass

import numpy as np

from lamo.metrics.config import WorldFeaturesConfig
from lamo.progress import Bar
from lamo.world.camera import HALF_ANGLE_TAN
from lamo.world.labels import labels
from lamo.world.render import render
from lamo.world.scenery import BROADLEAF, CONIFER, HOUSE, SIGN
from lamo.world.simulation import Drive, WorldConfig, clip_seed, simulate
from lamo.world.standing import standing
from lamo.world.strips import road_centre

# Length of a simulated drive in s; measured, as the numbers of frames in `WorldFeaturesConfig` are.
DRIVE_SECONDS = 6.0
_NEAR_M, _FAR_M = 4.0, 60.0
_LABELS = ("curvature", "curvature_ahead", "light", "lateral_offset")
_SCENERY = {"tree": (BROADLEAF, CONIFER), "sign": (SIGN,), "house": (HOUSE,)}


@dataclass(frozen=True)
class Examples:
    """`frames` uint8 [N, H, W, 3]; `targets` float32 [N, Q], NaN where there is no such quantity; `names` [Q]."""

    frames: np.ndarray
    targets: np.ndarray
    names: tuple[str, ...]


def render_examples(world: WorldConfig, config: WorldFeaturesConfig, part: str, height: int, width: int) -> Examples:
    """Render the frames of `part`, "train" or "held_out", from drives of their own, evenly spaced within each drive.

    Drives of the two parts and those of the training and validation videos have independent seeds.
    """
    pictures, targets = [], []
    frames = {"train": config.frames, "held_out": config.held_out_frames}[part]
    world = world.model_copy(update={"seconds": DRIVE_SECONDS})
    drives = -(-frames // config.frames_per_drive)
    for index in Bar(range(drives), desc=f"rendering {part} frames", unit="drive", mininterval=2.0):
        drive = simulate(world, clip_seed(world, f"features-{part}", index))
        chosen = np.linspace(0, len(drive) - 1, config.frames_per_drive).round().astype(int)
        pictures.append(render(drive, world, chosen, height=height, width=width))
        targets.append(_visible_state(drive, chosen, width / height))
    names = tuple(targets[0])
    table = np.concatenate([np.stack([one[name] for name in names], axis=1) for one in targets])
    return Examples(np.concatenate(pictures)[:frames], table[:frames].astype(np.float32), names)


def _visible_state(drive: Drive, frames: np.ndarray, aspect: float) -> dict[str, np.ndarray]:
    """What one frame (`aspect` = width / height) shows of the world; nothing that takes two frames (speed, braking)."""
    table = labels(drive).iloc[frames]
    state = {name: table[name].to_numpy(np.float64) for name in _LABELS}
    state["heading_error"] = drive.heading_error[frames]
    # a car twice as far looks half as large: nearness, not distance, is what a picture shows
    state["lead_nearness"] = _NEAR_M / np.maximum(table["lead_distance"].to_numpy(np.float64), _NEAR_M)
    still, kind = standing(drive, frames)
    for name, kinds in _SCENERY.items():
        chosen = still.take(np.flatnonzero(np.isin(kind, kinds)))
        places = chosen.frame, chosen.distance, chosen.place
        state |= _covered(name, len(frames), aspect, *places, chosen.width, chosen.height, chosen.opacity)
    return state | _covered("car", len(frames), aspect, *_cars(drive, frames))


def _cars(drive: Drive, frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """Frame, distance, place, width, height (m) and opacity of every car in every one of the frames."""
    distance, scenery = drive.car_distance[frames], drive.scenery
    frame, car = np.nonzero(distance > 0)
    at = distance[frame, car]
    place = drive.car_lateral[frames][frame, car] + road_centre(drive, frames[frame], at[:, None])[:, 0]
    return frame, at, place, scenery.car_width[car], scenery.car_height[car], np.ones(len(frame))


def _covered(
    name: str,
    frames: int,
    aspect: float,
    frame: np.ndarray,
    distance: np.ndarray,
    place: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
    opacity: np.ndarray,
) -> dict[str, np.ndarray]:
    """Area [n] that objects of a kind cover in the left, middle and right third of the frame, square root.

    Of each object [O]: its frame, distance, place and size in m; occlusion is ignored, the area is cut at the frame.
    """
    near = (distance > _NEAR_M) & (distance < _FAR_M)
    row, at, place, width, height, opacity = (one[near] for one in (frame, distance, place, width, height, opacity))
    scale = 1 / (2 * HALF_ANGLE_TAN * at)
    left, right = (0.5 + scale * (place + side * width / 2) for side in (-1, 1))
    tall = np.minimum(aspect * scale * height, 1.0)
    areas = {}
    for third, begin in (("left", 0.0), ("middle", 1 / 3), ("right", 2 / 3)):
        overlap = np.clip(np.minimum(right, begin + 1 / 3) - np.maximum(left, begin), 0.0, None)
        areas[f"{name}_{third}"] = np.sqrt(np.bincount(row, 3 * overlap * tall * opacity, minlength=frames))
    return areas
