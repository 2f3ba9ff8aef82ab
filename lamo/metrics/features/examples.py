"""True frames of the synthetic world with what can be seen in them, to train a feature network on."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from lamo.metrics.config import WorldFeaturesConfig
from lamo.world.camera import HALF_ANGLE_TAN
from lamo.world.ground import road_centre
from lamo.world.render import render
from lamo.world.scenery import BROADLEAF, CONIFER, HOUSE, SIGN
from lamo.world.simulation import Drive, WorldConfig, clip_seed, labels, simulate

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
    for index in tqdm(range(drives), desc=f"rendering {part} frames", unit="drive", mininterval=2.0):
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
    scenery = drive.scenery
    still = scenery.position[None, :] - drive.position[frames, None]
    for name, kinds in _SCENERY.items():
        chosen = np.isin(scenery.kind, kinds)
        lateral = np.broadcast_to(scenery.lateral[chosen], (len(frames), chosen.sum()))
        sizes = scenery.width[chosen], scenery.height[chosen]
        state |= _covered(name, drive, frames, aspect, still[:, chosen], lateral, *sizes)
    cars = drive.car_distance[frames], drive.car_lateral[frames], scenery.car_width, scenery.car_height
    return state | _covered("car", drive, frames, aspect, *cars)


def _covered(
    name: str,
    drive: Drive,
    frames: np.ndarray,
    aspect: float,
    distance: np.ndarray,
    lateral: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
) -> dict[str, np.ndarray]:
    """Area [n] that objects of a kind cover in the left, middle and right third of the frame, square root.

    `distance`, `lateral` [n, O] and `width`, `height` [O] in m; occlusion is ignored, the area is cut at the frame.
    """
    ahead = np.where((distance > _NEAR_M) & (distance < _FAR_M), distance, np.inf)
    row, item = np.nonzero(np.isfinite(ahead))
    at = ahead[row, item]
    place = lateral[row, item] + road_centre(drive, frames[row], at[:, None])[:, 0]
    scale = 1 / (2 * HALF_ANGLE_TAN * at)
    left, right = (0.5 + scale * (place + side * width[item] / 2) for side in (-1, 1))
    tall = np.minimum(aspect * scale * height[item], 1.0)
    areas = {}
    for third, begin in (("left", 0.0), ("middle", 1 / 3), ("right", 2 / 3)):
        overlap = np.clip(np.minimum(right, begin + 1 / 3) - np.maximum(left, begin), 0.0, None)
        areas[f"{name}_{third}"] = np.sqrt(np.bincount(row, 3 * overlap * tall, minlength=len(frames)))
    return areas
