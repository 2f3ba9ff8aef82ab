"""Forks: instants at which a drive can go on in more than one way, though all that leads up to them is the same.

A drive has forks of one kind, or none. The choice is drawn at the last moment, so that no earlier picture tells it.
"""

from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from lamo.section import Section
from lamo.world.road import Ways
from lamo.world.scenery import Scenery

NONE, JUNCTION, LIGHT, LEAD = "", "junction", "light", "lead"
# The ways of each kind. All ways of a kind are equally likely.
WAYS = {JUNCTION: ("left", "straight", "right"), LIGHT: ("stop", "go"), LEAD: ("brake", "go")}
LEFT, STRAIGHT, RIGHT = range(3)
GREEN, AMBER, RED = range(3)


class ForksConfig(Section):
    """Forks of the synthetic world: shares of drives, and how far the forks of a drive are apart."""

    junctions: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the drives with junctions, where the ego car goes left, straight on or right; these "
        "drives have no other cars",
    )
    lights: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the drives with traffic lights, which turn amber before the ego car: it stops or goes on",
    )
    leads: float = Field(
        0.0, ge=0, le=1, description="share of the drives behind a leading car, which brakes hard or goes on"
    )
    distance_m: float = Field(
        35.0, ge=30, description="distance between two forks of a drive; m; own choice, at least 30 for a turn"
    )

    @model_validator(mode="after")
    def _shares_of_a_whole(self) -> "ForksConfig":
        total = sum(self.shares.values())
        if total > 1 + 1e-9:
            raise ValueError(
                f"found junctions {self.junctions:g}, lights {self.lights:g} and leads {self.leads:g}, together "
                f"{total:g}; these are shares of the drives, expected at most 1 together"
            )
        return self

    @property
    def any(self) -> bool:
        """Whether there are drives with forks."""
        return any(self.shares.values())

    @property
    def shares(self) -> dict[str, float]:
        """Share of the drives that have forks of each kind."""
        return {JUNCTION: self.junctions, LIGHT: self.lights, LEAD: self.leads}

    def kind(self, draw: float) -> str:
        """Kind of the forks of a drive, from a number drawn between 0 and 1."""
        for kind, share in self.shares.items():
            if draw < share:
                return kind
            draw -= share
        return NONE


@dataclass(frozen=True)
class Junction:
    """Where the road divides: `position` m; the road and the scenery behind it of each of the three ways."""

    position: float
    ways: Ways
    scenery: tuple[Scenery, Scenery, Scenery]


@dataclass(frozen=True)
class Forks:
    """The forks of a drive, in order; K forks, T source frames.

    `kind` (one of `WAYS`, or "" for none); arrays [K]: `position` m along the road, `frame` the first source frame
    after the choice, `way` index in `WAYS[kind]`; both -1 for forks that the drive does not reach. `lamp` [T, K]:
    colour of each traffic light; `junctions`: K of them, or none where the forks are of another kind.
    """

    kind: str
    position: np.ndarray
    frame: np.ndarray
    way: np.ndarray
    lamp: np.ndarray
    junctions: tuple[Junction, ...] = ()

    def next(self, frames: int) -> np.ndarray:
        """Index of the fork that comes next after each of `frames` source frames, -1 where none follows: int [T]."""
        reached = self.frame[self.frame >= 0]
        following = np.searchsorted(reached, np.arange(frames), side="right")
        return np.where(following < len(reached), following, -1)
