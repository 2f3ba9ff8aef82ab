"""How the cars of a drive come to its forks and choose: one class a kind. `lamo.world.traffic` moves the cars."""

from typing import TYPE_CHECKING

import numpy as np

from lamo.world.forks import AMBER, GREEN, JUNCTION, LEAD, LIGHT, NONE, RED, STRAIGHT, WAYS
from lamo.world.road import Road, Ways, divided_road, three_ways
from lamo.world.scenery import CAR_LENGTH_M

if TYPE_CHECKING:
    from lamo.world.traffic import Agents

HARD_BRAKING = 6.0
# Speeds that the ego car aims for, or the car that leads it, m/s: a turn at 6 m/s is one of 0.55 rad/s.
SPEEDS = {JUNCTION: (4.0, 6.0), LIGHT: (10.0, 13.0), LEAD: (7.0, 10.0)}
AMBER_S, RED_S = 1.2, 2.8
# Before the line: where cars stop, and how long before braking the lamp turns amber, s.
LINE_GAP_M, AMBER_LEAD_S = 2.5, 0.3
# The leading car stands for so long; the ego car would like to be faster than it, m/s.
STANDS_S, HURRY = 1.0, 3.0
LEADER = 1


class Choices:
    """No forks at all, and what the kinds share. K forks at `position` [K] m; `frame` and `way` as in `Forks`."""

    kind = NONE
    speeds: tuple[float, float] = (0.0, np.inf)

    def __init__(self, position: np.ndarray) -> None:
        self.position = position
        self.frame, self.way = np.full(len(position), -1), np.full(len(position), -1)
        self._now, self._chosen = -1, 0

    def start(self, agents: "Agents") -> None:
        """Set the agents up as the kind needs them."""
        agents.aim[0] = np.clip(agents.aim[0], *self.speeds)
        agents.speed[0] = np.clip(agents.speed[0], *self.speeds)

    def act(self, agents: "Agents", dt: float) -> None:
        """At the beginning of a step: choose at a fork that is reached, and carry earlier choices on."""
        self._now += 1
        agents.aim[0] = np.clip(agents.aim[0], *self.speeds)
        fork = self._chosen
        if fork < len(self.position) and agents.position[0] + self._reach(agents, dt) >= self.position[fork]:
            self.frame[fork] = self._now
            self.way[fork] = int(agents.rng.random() * len(WAYS[self.kind]))
            self._chosen += 1
            self._go(agents, fork)

    def limit(self, agents: "Agents") -> np.ndarray:
        """The most that each agent may accelerate, m/s2 [A]."""
        return np.full(len(agents.speed), np.inf)

    def lamps(self) -> np.ndarray:
        """The colours of the traffic lights, [K]; none for other kinds."""
        return np.zeros(0, dtype=np.int8)

    def _reach(self, agents: "Agents", dt: float) -> float:
        """How far before a fork the choice is made, m: here so that it is made in the last step before it."""
        return 1.2 * agents.speed[0] * dt + 0.01

    def _go(self, agents: "Agents", fork: int) -> None:
        """What follows at once from the choice."""


class JunctionChoices(Choices):
    """The ego car turns left, goes straight on or turns right: the road goes on that way."""

    kind, speeds = JUNCTION, SPEEDS[JUNCTION]

    def __init__(self, position: np.ndarray, road: Road) -> None:
        super().__init__(position)
        self.ways: list[Ways] = [three_ways(divided_road(road, position), position[0])]

    def start(self, agents: "Agents") -> None:
        """As above, on a road that is straight where it divides."""
        super().start(agents)
        agents.road = self.ways[0][STRAIGHT]
        agents.lane[0] = 0
        agents.lateral = agents.lane_centre()

    def act(self, agents: "Agents", dt: float) -> None:
        """As above, in the one lane that there is."""
        agents.lane[0], agents.wander[0] = 0, 0.0
        super().act(agents, dt)

    def _go(self, agents: "Agents", fork: int) -> None:
        agents.road = self.ways[fork][self.way[fork]]
        if fork + 1 < len(self.position):
            self.ways.append(three_ways(agents.road, self.position[fork + 1]))

    def all_ways(self) -> list[Ways]:
        """The ways at every junction; where the drive has not come, the road leads straight to it."""
        ways = list(self.ways)
        for position in self.position[len(ways) :]:
            ways.append(three_ways(ways[-1][STRAIGHT], position))
        return ways


class LightChoices(Choices):
    """A traffic light turns amber as late as a hard stop allows. The ego car stops, or goes on."""

    kind, speeds = LIGHT, SPEEDS[LIGHT]

    def __init__(self, position: np.ndarray) -> None:
        super().__init__(position)
        self._since = np.full(len(position), np.inf)

    def act(self, agents: "Agents", dt: float) -> None:
        """As above; lamps that have begun to change go on by themselves."""
        self._since += dt
        super().act(agents, dt)

    def lamps(self) -> np.ndarray:
        """Green, amber for 1.2 s, red for 2.8 s, green."""
        turned = np.where(self._since < AMBER_S, AMBER, RED)
        return np.where(self._since < AMBER_S + RED_S, turned, GREEN).astype(np.int8)

    def limit(self, agents: "Agents") -> np.ndarray:
        """The ego car brakes hard if it chose to stop. Cars behind it and oncoming ones stop where they still can."""
        limit = super().limit(agents)
        for fork in np.flatnonzero(self.lamps() != GREEN):
            line = agents.direction * (self.position[fork] - agents.position) - LINE_GAP_M
            needed = np.square(agents.speed) / (2 * np.maximum(line, 0.1))
            stops = (line > 0) & (needed < HARD_BRAKING)
            stops &= (agents.direction < 0) | (agents.position < agents.position[0])
            limit = np.where(stops, np.minimum(limit, -needed), limit)
            if WAYS[LIGHT][self.way[fork]] == "stop":
                limit[0] = -HARD_BRAKING
        return limit

    def _reach(self, agents: "Agents", dt: float) -> float:
        speed = agents.speed[0]
        return LINE_GAP_M + AMBER_LEAD_S * speed + speed**2 / (2 * HARD_BRAKING)

    def _go(self, agents: "Agents", fork: int) -> None:
        self._since[fork] = 0.0


class LeadChoices(Choices):
    """Car 1 leads, in the ego car's lane. Where the ego car passes a fork the leader brakes hard, or goes on."""

    kind = LEAD

    def __init__(self, position: np.ndarray) -> None:
        super().__init__(position)
        self._braking, self._stood = False, 0.0
        self._lanes = np.zeros(0, dtype=np.int64)

    def start(self, agents: "Agents") -> None:
        """The leader is ahead at the distance that the ego car keeps; others of its direction take the other lane."""
        same = agents.direction > 0
        agents.aim[LEADER] = np.clip(agents.aim[LEADER], *SPEEDS[LEAD])
        agents.speed[[0, LEADER]] = agents.aim[LEADER]
        agents.position[LEADER] = agents.position[0] + CAR_LENGTH_M + agents.kept_gap()[0]
        self._lanes = np.where(same, 1 - agents.lane[0], agents.lane)
        self._lanes[[0, LEADER]] = agents.lane[0]
        self._hold_lanes(agents)
        agents.lateral = agents.lane_centre()

    def act(self, agents: "Agents", dt: float) -> None:
        """As above, in fixed lanes. After a stop the leader stands for a second."""
        self._hold_lanes(agents)
        agents.aim[LEADER] = np.clip(agents.aim[LEADER], *SPEEDS[LEAD])
        agents.aim[0] = agents.aim[LEADER] + HURRY
        super().act(agents, dt)
        self._stood += dt if self._braking and agents.speed[LEADER] == 0 else 0.0
        if self._stood > STANDS_S:
            self._braking = False

    def limit(self, agents: "Agents") -> np.ndarray:
        """The leader brakes hard until it has stood."""
        limit = super().limit(agents)
        limit[LEADER] = -HARD_BRAKING if self._braking else np.inf
        return limit

    def _hold_lanes(self, agents: "Agents") -> None:
        agents.lane = np.where(agents.direction > 0, self._lanes, agents.lane)
        agents.wander[[0, LEADER]] = 0.0

    def _go(self, agents: "Agents", fork: int) -> None:
        if WAYS[LEAD][self.way[fork]] == "brake":
            self._braking, self._stood = True, 0.0


def place_forks(rng: np.random.Generator, kind: str, distance: float, begin: float, end: float) -> np.ndarray:
    """Positions of the forks of a drive between `begin` and `end` (m), about `distance` (m) apart; at least one."""
    if kind == NONE:
        return np.zeros(0)
    gaps = distance * rng.uniform(0.9, 1.2, int((end - begin) / (0.9 * distance)) + 2)
    gaps[0] = rng.uniform(20.0, 20.0 + 0.7 * distance)
    # Whole metres lie on the road's grid, where its curvature is given.
    position = begin + np.round(np.cumsum(gaps))
    return position[: max(1, int(np.searchsorted(position, end)))]


def make_choices(kind: str, position: np.ndarray, road: Road) -> Choices:
    """The choices of a drive at its forks."""
    if kind == JUNCTION:
        return JunctionChoices(position, road)
    return {NONE: Choices, LIGHT: LightChoices, LEAD: LeadChoices}[kind](position)
