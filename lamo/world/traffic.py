"""The moving part of the world: the ego car and the other cars, their choices and their braking.

Agent 0 is the ego car. Choices (a new speed to aim for, hard braking, a lane change) arrive as Poisson events, so that
the past does not give the future away; between them the cars follow their lane, the car ahead and the road's curvature.
"""

import copy
from dataclasses import dataclass

import numpy as np

from lamo.world.choices import Choices
from lamo.world.road import Road
from lamo.world.scenery import CAR_LENGTH_M

START_M = 60.0
LANES_M = (1.75, 5.25)
LATERAL_ACCELERATION = 6.0
MAX_ACCELERATION = 3.0
MAX_BRAKING = 7.0
AHEAD_M = 105.0
BEHIND_M = -22.0


@dataclass(frozen=True)
class Run:
    """[T, A]: position m along the road, lateral m, speed m/s, acceleration m/s2; [T]: the ego's; [A]: direction.

    [T, K]: the colours of K traffic lights. `road` is the one driven on.
    """

    position: np.ndarray
    lateral: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    yaw_rate: np.ndarray
    heading: np.ndarray
    heading_error: np.ndarray
    direction: np.ndarray
    lamp: np.ndarray
    road: Road


class Traffic:
    """Agents on their way, and a record of where they have been; from any instant it can go on in several ways."""

    def __init__(self, agents: "Agents", choices: Choices, dt: float) -> None:
        self.choices = choices
        self._agents, self._dt = agents, dt
        self._record: dict[str, list[np.ndarray]] = {name: [] for name in (*_OF_ALL, "ego", "lamp")}
        agents.take(choices)

    def go_on(self, frames: int) -> "Traffic":
        """Integrate all agents over so many more steps of dt seconds."""
        agents = self._agents
        for _ in range(frames):
            agents.step(self._dt)
            for name in _OF_ALL:
                self._record[name].append(getattr(agents, name).copy())
            self._record["ego"].append(np.array([agents.yaw_rate, agents.heading, agents.heading_error]))
            self._record["lamp"].append(self.choices.lamps())
        return self

    def other(self, rng: np.random.Generator) -> "Traffic":
        """The same up to now; what chance decides from now on is drawn from `rng`."""
        copied = copy.deepcopy(self)
        copied._agents.rng = rng
        return copied

    def run(self) -> Run:
        """The record so far."""
        found = {name: np.stack(values) for name, values in self._record.items()}
        yaw_rate, heading, heading_error = found.pop("ego").T
        agents = self._agents
        return Run(
            **found,
            yaw_rate=yaw_rate,
            heading=heading,
            heading_error=heading_error,
            direction=agents.direction,
            road=agents.road,
        )


_OF_ALL = ("position", "lateral", "speed", "acceleration")


class Agents:
    """State of all agents at one instant and the step that carries it forward. Arrays [A], agent 0 is the ego car."""

    def __init__(self, rng: np.random.Generator, road: Road, cars: int, max_speed: float, choice_seconds: float):
        self.rng, self.road, self.max_speed, self.choice_seconds = rng, road, max_speed, choice_seconds
        count = cars + 1
        oncoming = np.arange(count) > -(-2 * cars // 3)
        self.direction = np.where(oncoming, -1.0, 1.0)
        self.lane = rng.integers(0, 2, count)
        self.wander = np.zeros(count)
        self.lateral = self.lane_centre()
        self.lateral_speed = np.zeros(count)
        self.position = START_M + self._start_distances(count)
        self.position[0] = START_M
        self.aim, self.speed = np.zeros(count), np.zeros(count)
        self.aim = self._new_aims(np.arange(count))
        self.speed = np.minimum(self.aim, self._curve_speed())
        self.speed[1:] = np.clip(self.speed[0] + rng.normal(0, 2, cars), 2.0, max_speed)
        self.speed[oncoming] = self.aim[oncoming] = rng.uniform(0.3, 0.8, int(oncoming.sum())) * max_speed
        self.acceleration = np.zeros(count)
        self.heading_error, self.heading, self.yaw_rate = 0.0, rng.uniform(0, 2 * np.pi), 0.0
        self._choices = Choices(np.zeros(0))

    def take(self, choices: Choices) -> None:
        """Set out for the forks of a drive."""
        self._choices = choices
        choices.start(self)

    def step(self, dt: float) -> None:
        """Choices, then speeds, then lateral movement, then cars that left the view come back elsewhere."""
        self._choose(dt)
        self._choices.act(self, dt)
        aim = np.minimum(self.aim, self._curve_speed())
        others = (np.arange(len(aim)) > 0) & (self.direction > 0)
        # Cars are drawn towards a place 25 m ahead of the ego: a world without cars in view would teach little.
        pull = np.clip(0.15 * (25.0 - (self.position - self.position[0])), -5.0, 5.0)
        aim = np.where(others, np.clip(aim + pull, 0.0, 1.3 * self.max_speed), aim)
        wish = 1.1 * (aim - self.speed)
        most = np.minimum(self._following(), self._choices.limit(self))
        new = np.clip(np.minimum(wish, most), -MAX_BRAKING, MAX_ACCELERATION)
        # Pedals take about a quarter of a second.
        self.acceleration += (new - self.acceleration) * min(1.0, dt / 0.25)
        speed = np.maximum(self.speed + self.acceleration * dt, 0.0)
        self.acceleration = np.where(speed > 0, self.acceleration, 0.0)
        self.position += self.direction * 0.5 * (speed + self.speed) * dt
        self.speed = speed
        self._steer_cars(dt)
        self._steer_ego(dt)
        self._respawn()

    def _choose(self, dt: float) -> None:
        draws = self.rng.random((2, len(self.aim)))
        changing = np.flatnonzero(draws[0] < dt / self.choice_seconds)
        if len(changing):
            self.aim[changing] = self._new_aims(changing)
        for agent in np.flatnonzero(draws[1] < dt / (1.6 * self.choice_seconds)):
            self.wander[agent] = self.rng.uniform(-0.5, 0.5)
            other = 1 - self.lane[agent]
            if self.rng.random() < 0.75 and self._lane_free(agent, other):
                self.lane[agent] = other

    def _new_aims(self, agents: np.ndarray) -> np.ndarray:
        """New speeds to aim for, m/s: mostly cruising, sometimes fast, sometimes a hard stop or a crawl."""
        kind = self.rng.random(len(agents))
        low, high = self.rng.uniform(0.0, 0.12, len(agents)), self.rng.uniform(0.26, 0.6, len(agents))
        fast = self.rng.uniform(0.55, 1.0, len(agents))
        aims = self.max_speed * np.where(kind < 0.13, low, np.where(kind < 0.72, high, fast))
        same = (agents > 0) & (self.direction[agents] > 0)
        # The others differ from the ego rather than from a constant, so that they stay in its company.
        beside = (aims if 0 in agents else self.aim)[0] + self.rng.normal(1.0, 4.0, len(agents))
        return np.where(same & (kind >= 0.13), np.clip(beside, 2.0, self.max_speed), aims)

    def _curve_speed(self) -> np.ndarray:
        """The speed that the curvature a second ahead allows, m/s."""
        ahead = self.position + self.direction * np.maximum(self.speed, 5.0)
        return np.sqrt(LATERAL_ACCELERATION / np.maximum(np.abs(self.road.curvature_at(ahead)), 1e-3))

    def _following(self) -> np.ndarray:
        """Acceleration (m/s2) that keeps the gap to the next car of the same lane and direction."""
        gap = self.direction[:, None] * (self.position[None, :] - self.position[:, None])
        relevant = (gap > 0) & (self.direction[None, :] == self.direction[:, None])
        relevant &= np.abs(self.lateral[None, :] - self.lateral[:, None]) < 2.2
        gap = np.where(relevant, gap - CAR_LENGTH_M, 1e3)
        lead = gap.argmin(axis=1)
        nearest = gap[np.arange(len(lead)), lead]
        wanted = self.kept_gap()
        return np.where(nearest > 200, 99.0, 0.8 * (nearest - wanted) + 1.4 * (self.speed[lead] - self.speed))

    def kept_gap(self) -> np.ndarray:
        """Gap that each agent keeps to the car ahead, m."""
        return 2.5 + 0.7 * self.speed

    def _steer_cars(self, dt: float) -> None:
        want = np.clip((self.lane_centre() - self.lateral) / 0.9, -2.0, 2.0) * np.minimum(1.0, self.speed / 3.0)
        self.lateral_speed += (want - self.lateral_speed) * min(1.0, dt / 0.35)
        self.lateral_speed[0] = 0.0
        self.lateral += self.lateral_speed * dt

    def _steer_ego(self, dt: float) -> None:
        speed, error = self.speed[0], self.lane_centre()[0] - self.lateral[0]
        want = np.clip(error / (1.0 * speed + 5.0), -0.16, 0.16)
        turn = (want - self.heading_error) / 0.4 * min(1.0, speed / 4.0)
        self.yaw_rate = float(speed * self.road.curvature_at(self.position[0]) + turn)
        self.heading_error += turn * dt
        self.heading += self.yaw_rate * dt
        self.lateral[0] += speed * np.sin(self.heading_error) * dt

    def lane_centre(self) -> np.ndarray:
        """Lateral place that each agent keeps to, m."""
        return self.direction * np.asarray(LANES_M)[self.lane] + self.wander

    def _lane_free(self, agent: int | np.integer, lane: int) -> bool:
        near = np.abs(self.position - self.position[agent]) < 9.0
        same = (self.lane == lane) & (self.direction == self.direction[agent])
        near[agent] = False
        return not bool((near & same).any())

    def _start_distances(self, count: int) -> np.ndarray:
        slots = 14.0 + 16.0 * self.rng.permutation(max(count, 1)) + self.rng.uniform(-4, 4, count)
        return np.where(self.direction > 0, slots, self.rng.uniform(30.0, 150.0, count))

    def _respawn(self) -> None:
        """Cars that left the view return: far ahead, or behind the ego in the other lane and faster than it."""
        distance = self.position - self.position[0]
        for agent in np.flatnonzero((distance < BEHIND_M) | (distance > 170.0)):
            if self.direction[agent] < 0:
                self.position[agent] = self.position[0] + self.rng.uniform(AHEAD_M, 165.0)
                self.speed[agent] = self.aim[agent] = self.rng.uniform(0.3, 0.8) * self.max_speed
                continue
            behind, lane = self.rng.random() < 0.6, 1 - self.lane[0]
            self.position[agent] = self.position[0] + (-14.0 if behind else AHEAD_M)
            self.lane[agent] = lane if behind else self.rng.integers(0, 2)
            if behind and not self._lane_free(agent, lane):
                self.position[agent] = self.position[0] + AHEAD_M
            self.lateral[agent], self.lateral_speed[agent] = self.lane_centre()[agent], 0.0
            self.speed[agent] = np.clip(self.speed[0] + (5.0 if behind else -4.0), 1.0, 1.3 * self.max_speed)
            self.aim[agent] = self.speed[agent]
