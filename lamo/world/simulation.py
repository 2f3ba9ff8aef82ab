"""The synthetic driving world: its configuration and the state of one drive.

A drive is a seeded function: `simulate(config, seed)` returns everything that a camera would need to know about each
source frame, and `lamo.world.render` turns it into pictures. Directions: s runs along the road (m), lateral offsets are
positive to the right of the road's centre line (m), curvature and yaw rate are positive when turning right.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from lamo.errors import LamoError
from lamo.section import Section
from lamo.world.choices import SPEEDS, JunctionChoices, make_choices, place_forks
from lamo.world.forks import JUNCTION, Forks, ForksConfig, Junction
from lamo.world.junctions import build_junctions
from lamo.world.road import Road, make_road
from lamo.world.scenery import Scenery, Style, make_scenery, make_style
from lamo.world.traffic import START_M, Agents, Traffic

CURVATURE_AHEAD_M = 30.0
SIGHT_M = 90.0


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
    forks: ForksConfig = Field(
        ForksConfig(), description="places where a drive can go on in more than one way; none in the demo"
    )

    @model_validator(mode="after")
    def _forks_are_reached(self) -> "WorldConfig":
        forks = self.forks
        for kind in (kind for kind, share in forks.shares.items() if share > 0):
            slowest, fastest = SPEEDS[kind]
            farthest = self.seconds * min(self.max_speed, fastest)
            if self.max_speed < slowest:
                raise ValueError(
                    f"world.max_speed: found {self.max_speed:g}, expected at least {slowest:g} m/s, at which cars "
                    f"drive where world.forks.{kind}s is above 0"
                )
            if farthest < forks.distance_m:
                raise ValueError(
                    f"world.forks.distance_m: found {forks.distance_m:g} m, but a drive of world.seconds "
                    f"{self.seconds:g} at world.max_speed {self.max_speed:g} (with {kind}s at most {fastest:g} m/s) "
                    f"ends after {farthest:g} m, before its first fork; lower the distance or give longer or faster "
                    "drives"
                )
        if forks.leads > 0 and self.cars == 0:
            raise ValueError(
                f"world.forks.leads: found {forks.leads:g} with world.cars 0, expected at least one car, which leads"
            )
        return self

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
    car_relative_speed m/s (rate of change of the distance), car_braking bool. `scenery` holds what stands still,
    at junctions up to the first one; what stands behind one is in `forks`.
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
    forks: Forks

    def __len__(self) -> int:
        return len(self.t)


def clip_seed(config: WorldConfig, split: str, index: int) -> int:
    """Seed of one drive: independent for different (world seed, split, index), stable over machines and versions."""
    digest = hashlib.blake2b(f"{config.seed}/{split}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def clip_id(split: str, index: int) -> str:
    """Name of one drive: the stem of its video file."""
    return f"{split}-{index:05d}"


def clip_of(name: str) -> tuple[str, int]:
    """Split and index of the drive of that name (see `clip_id`). Raises `LamoError` if it is no such name."""
    split, _, index = name.rpartition("-")
    if split not in ("train", "val") or not index.isdigit():
        raise LamoError(f"drive {name!r}: expected a name of the synthetic world's, such as {clip_id('val', 3)}")
    return split, int(index)


def simulate(config: WorldConfig, seed: int) -> Drive:
    """Drive through one seeded world: road, scenery, weather of the light, traffic and the ego car."""
    world = _World(config, seed)
    return world.drive(world.set_out().go_on(world.frames))


def futures(
    config: WorldConfig, seed: int, frame: int, count: int, until: int | None = None, first: int = 0
) -> list[Drive]:
    """Drives with the same past: `count` ways in which the drive of that seed could have gone on after source `frame`.

    Up to `frame` (included) their states, and so their pictures, are those of `simulate(config, seed)`. What chance
    decides after it (forks, speeds, lanes, other cars) is drawn anew for each, by its number, from `first` on. They end
    before the source frame `until`, or with the drive. Raises `LamoError` if the drive has no such frames.
    """
    world = _World(config, seed)
    until = world.frames if until is None else until
    if not 0 <= frame < until <= world.frames:
        raise LamoError(
            f"futures of the drive of seed {seed}: found frames {frame} to {until}, expected them within its "
            f"{world.frames} (world.seconds x world.fps)"
        )
    past = world.set_out().go_on(frame + 1)
    drives = []
    for number in range(first, first + count):
        anew = np.random.default_rng([seed, frame, number])
        drives.append(world.drive(past.other(anew).go_on(until - frame - 1)))
    return drives


class _World:
    """All of a seeded world that does not depend on what the cars do."""

    def __init__(self, config: WorldConfig, seed: int) -> None:
        self._config, self._seed = config, seed
        self.frames = max(1, round(config.seconds * config.fps))
        seeds = np.random.SeedSequence(seed).spawn(5)
        road_seed, style_seed, self._scenery_seed, self._traffic_seed, forks_seed = seeds
        self._length = config.max_speed * config.seconds + 400.0
        self._road = make_road(np.random.default_rng(road_seed), self._length, config.max_curvature)
        rng = np.random.default_rng(style_seed)
        self._style = make_style(rng)
        drift = 0.03 * np.sin(np.linspace(0, rng.uniform(1, 4), self.frames) + rng.uniform(0, 6))
        self._light = np.clip(self._style.light + drift, 0.0, 1.0)
        rng = np.random.default_rng(forks_seed)
        self._kind = config.forks.kind(rng.random())
        speed = min(config.max_speed, SPEEDS[JUNCTION][1]) if self._kind == JUNCTION else config.max_speed
        end = START_M + speed * config.seconds + SIGHT_M
        self._positions = place_forks(rng, self._kind, config.forks.distance_m, START_M, end)
        self._junction_seeds = forks_seed.spawn(3 * len(self._positions))
        self._cars = 0 if self._kind == JUNCTION else config.cars

    def set_out(self) -> Traffic:
        """The traffic before the first frame."""
        config, rng = self._config, np.random.default_rng(self._traffic_seed)
        agents = Agents(rng, self._road, self._cars, config.max_speed, config.choice_seconds)
        return Traffic(agents, make_choices(self._kind, self._positions, self._road), 1.0 / config.fps)

    def drive(self, traffic: Traffic) -> Drive:
        """The drive that the traffic has made so far."""
        run, choices = traffic.run(), traffic.choices
        scenery = make_scenery(np.random.default_rng(self._scenery_seed), self._length, run.road.profile, self._cars)
        junctions: tuple[Junction, ...] = ()
        if isinstance(choices, JunctionChoices):
            junctions = build_junctions(self._junction_seeds, choices.position, choices.all_ways())
            scenery = scenery.take(scenery.position < choices.position[0])
        frames = len(run.position)
        return Drive(
            seed=self._seed,
            t=np.arange(frames) / self._config.fps,
            position=run.position[:, 0],
            speed=run.speed[:, 0],
            acceleration=run.acceleration[:, 0],
            yaw_rate=run.yaw_rate,
            heading=run.heading,
            heading_error=run.heading_error,
            lateral_offset=run.lateral[:, 0],
            curvature=run.road.curvature_at(run.position[:, 0]),
            curvature_ahead=run.road.curvature_at(run.position[:, 0] + CURVATURE_AHEAD_M),
            light=self._light[:frames],
            car_oncoming=run.direction[1:] < 0,
            car_distance=run.position[:, 1:] - run.position[:, :1],
            car_lateral=run.lateral[:, 1:],
            car_speed=run.speed[:, 1:],
            car_relative_speed=run.direction[1:] * run.speed[:, 1:] - run.speed[:, :1],
            car_braking=run.acceleration[:, 1:] < -1.0,
            road=run.road,
            style=self._style,
            scenery=scenery,
            forks=Forks(self._kind, choices.position, choices.frame, choices.way, run.lamp, junctions),
        )
