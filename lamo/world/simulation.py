"""The synthetic driving world: its configuration, the state of one drive and the labels it yields.

A drive is a seeded function: `simulate(config, seed)` returns everything that a camera would need to know about each
source frame, and `lamo.world.render` turns it into pictures. Directions: s runs along the road (m), lateral offsets are
positive to the right of the road's centre line (m), curvature and yaw rate are positive when turning right.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import Field

from lamo.section import Section
from lamo.world.road import Road, make_road
from lamo.world.scenery import Scenery, Style, make_scenery, make_style
from lamo.world.traffic import drive_traffic

CURVATURE_AHEAD_M = 30.0
LEAD_RANGE_M = 80.0
CAR_RANGE_M = 60.0


class WorldConfig(Section):
    """The synthetic driving world; it is rendered when `videos.root` names no folder."""

    seed: int = Field(0, ge=0, description="seed of the world; every drive's seed follows from it, its split and index")
    train_videos: int = Field(280, ge=1, description="training drives; count")
    val_videos: int = Field(40, ge=1, description="held-out drives; count")
    parts: int = Field(4, ge=1, description="processes that render one split; count")
    seconds: float = Field(12.0, gt=0, description="length of a drive; s")
    fps: int = Field(30, ge=1, description="frames per second of the rendered videos; 1/s; BDD100K has 30")
    height: int = Field(64, ge=16, multiple_of=2, description="height of the rendered videos; pixels")
    width: int = Field(128, ge=16, multiple_of=2, description="width of the rendered videos; pixels")
    cars: int = Field(6, ge=0, description="other cars of a drive, two thirds in the ego's direction; count")
    max_speed: float = Field(14.0, gt=0, description="largest speed that the ego car aims for; m/s")
    max_curvature: float = Field(0.02, ge=0, description="largest curvature of the road; 1/m")
    choice_seconds: float = Field(
        3.5, gt=0, description="mean time between choices (speed, braking, lane) that the past does not give away; s"
    )

    def videos(self, split: str) -> int:
        """Number of drives of a split."""
        return {"train": self.train_videos, "val": self.val_videos}[split]


@dataclass(frozen=True)
class Drive:
    """The whole state of one drive; T source frames, C cars.

    Arrays [T]: t s, position m along the road, speed m/s, acceleration m/s2, yaw_rate rad/s, heading rad (absolute,
    what the horizon pans with), heading_error rad (against the road), lateral_offset m, curvature and
    curvature_ahead (at 30 m) 1/m, light (0 night to 1 day).
    Arrays [T, C]: car_distance m (ahead of the ego, negative behind), car_lateral m, car_speed m/s,
    car_relative_speed m/s (rate of change of the distance), car_braking bool. `scenery` holds what stands still.
    """

    seed: int
    t: np.ndarray
    position: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    yaw_rate: np.ndarray
    heading: np.ndarray
    heading_error: np.ndarray
    lateral_offset: np.ndarray
    curvature: np.ndarray
    curvature_ahead: np.ndarray
    light: np.ndarray
    car_oncoming: np.ndarray
    car_distance: np.ndarray
    car_lateral: np.ndarray
    car_speed: np.ndarray
    car_relative_speed: np.ndarray
    car_braking: np.ndarray
    road: Road
    style: Style
    scenery: Scenery

    def __len__(self) -> int:
        return len(self.t)


def clip_seed(config: WorldConfig, split: str, index: int) -> int:
    """Seed of one drive: independent for different (world seed, split, index), stable over machines and versions."""
    digest = hashlib.blake2b(f"{config.seed}/{split}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def clip_id(split: str, index: int) -> str:
    """Name of one drive: the stem of its video file."""
    return f"{split}-{index:05d}"


def simulate(config: WorldConfig, seed: int) -> Drive:
    """Drive through one seeded world: road, scenery, weather of the light, traffic and the ego car."""
    road_seed, style_seed, scenery_seed, traffic_seed = np.random.SeedSequence(seed).spawn(4)
    length = config.max_speed * config.seconds + 400.0
    road = make_road(np.random.default_rng(road_seed), length, config.max_curvature)
    style_rng = np.random.default_rng(style_seed)
    style = make_style(style_rng)
    scenery = make_scenery(np.random.default_rng(scenery_seed), length, style, cars=config.cars)
    frames = max(1, round(config.seconds * config.fps))
    run = drive_traffic(
        np.random.default_rng(traffic_seed),
        road=road,
        frames=frames,
        dt=1.0 / config.fps,
        cars=config.cars,
        max_speed=config.max_speed,
        choice_seconds=config.choice_seconds,
    )
    drift = 0.03 * np.sin(np.linspace(0, style_rng.uniform(1, 4), frames) + style_rng.uniform(0, 6))
    return Drive(
        seed=seed,
        t=np.arange(frames) / config.fps,
        position=run.position[:, 0],
        speed=run.speed[:, 0],
        acceleration=run.acceleration[:, 0],
        yaw_rate=run.yaw_rate,
        heading=run.heading,
        heading_error=run.heading_error,
        lateral_offset=run.lateral[:, 0],
        curvature=road.curvature_at(run.position[:, 0]),
        curvature_ahead=road.curvature_at(run.position[:, 0] + CURVATURE_AHEAD_M),
        light=np.clip(style.light + drift, 0.0, 1.0),
        car_oncoming=run.direction[1:] < 0,
        car_distance=run.position[:, 1:] - run.position[:, :1],
        car_lateral=run.lateral[:, 1:],
        car_speed=run.speed[:, 1:],
        car_relative_speed=run.direction[1:] * run.speed[:, 1:] - run.speed[:, :1],
        car_braking=run.acceleration[:, 1:] < -1.0,
        road=road,
        style=style,
        scenery=scenery,
    )


def labels(drive: Drive, clip: str = "") -> pd.DataFrame:
    """The true world state, a row per source frame; NaN where there is no car ahead in the ego's lane.

    Columns: clip, frame, time_s, speed (m/s), acceleration (m/s2), yaw_rate (rad/s), curvature, curvature_ahead (1/m),
    light (0 to 1), lateral_offset (m), lead_distance, lead_lateral (m, against the ego), lead_relative_speed (m/s),
    cars_ahead (same direction, within 60 m), cars_oncoming (within 60 m), nearest_car_distance (m).
    """
    distance, oncoming = drive.car_distance, drive.car_oncoming[None, :]
    beside = drive.car_lateral - drive.lateral_offset[:, None]
    leads = (distance > 2.0) & (distance < LEAD_RANGE_M) & (np.abs(beside) < 2.0) & ~oncoming
    seen = (distance > 2.0) & (distance < CAR_RANGE_M)
    pick, rows = np.where(leads, distance, np.inf), np.arange(len(drive))
    table = pd.DataFrame(
        {
            "clip": clip,
            "frame": np.arange(len(drive), dtype=np.int64),
            "time_s": drive.t,
            "speed": drive.speed,
            "acceleration": drive.acceleration,
            "yaw_rate": drive.yaw_rate,
            "curvature": drive.curvature,
            "curvature_ahead": drive.curvature_ahead,
            "light": drive.light,
            "lateral_offset": drive.lateral_offset,
        }
    )
    for name in ("lead_distance", "lead_lateral", "lead_relative_speed", "nearest_car_distance"):
        table[name] = np.nan
    if distance.shape[1]:
        nearest, any_lead = pick.argmin(axis=1), leads.any(axis=1)
        for name, values in (("distance", distance), ("lateral", beside), ("relative_speed", drive.car_relative_speed)):
            table[f"lead_{name}"] = np.where(any_lead, values[rows, nearest], np.nan)
        table["nearest_car_distance"] = np.where(seen.any(1), np.where(seen, distance, np.inf).min(1), np.nan)
    table["cars_ahead"] = (seen & ~oncoming).sum(axis=1)
    table["cars_oncoming"] = (seen & oncoming).sum(axis=1)
    return table
