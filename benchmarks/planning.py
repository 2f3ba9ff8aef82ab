"""Does a plan that should turn left turn left? At junctions of the synthetic world, whose true futures are known.

python -m benchmarks.planning RUN [--model FOLDER] [--candidates N] [--windows N]

RUN is the folder of a finished run in a world with junctions; its held-out windows shortly before one are planned for.
A quarter of an hour on one core.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import lamo
from benchmarks.grounding import frames_folder, held_out
from benchmarks.timing import machine, table
from lamo.dataset.world_drives import ForkLabels, WorldDrives
from lamo.errors import LamoError
from lamo.metrics.modes import FIRST, REFERENCES, Fork, find_forks
from lamo.model.planning import plan
from lamo.model.rollout import Futures
from lamo.model.world_model import WorldModel
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.ideal_futures import Branching
from lamo.rollout.windows import ClipFrames, thin
from lamo.stages import CONFIG_FILE
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.atomic import read_json
from lamo.video.config import FramesConfig
from lamo.world.forks import JUNCTION, LEFT, RIGHT, WAYS
from lamo.world.simulation import WorldConfig

SHIFT = 8
"""The farthest that the picture may move between two frames; pixels."""
SECONDS = 1.6
ITERATIONS = 4
RESAMPLES = 1000
FORK_WINDOWS = 2
"""Windows of a drive before a fork, at most."""
NO_PLAN = "no plan: one sample"
GOALS = {LEFT: 1.0, RIGHT: -1.0}
"""The ways that are planned for, and the sign of the move: the picture moves to the right where the car turns left."""


def turned(frames: np.ndarray) -> np.ndarray:
    """How far the upper half of the picture moves to the right over frames uint8 [S, T, H, W, 3]: pixels, [S].

    It is what a user could write who knows nothing of the world: between two frames the shift of the columns' mean
    colours that fits best.
    """
    height, width = frames.shape[2:4]
    columns = frames[:, :, : height // 2].astype(np.float32).mean(axis=2)
    before, after = columns[:, :-1], columns[:, 1:]
    shifts = np.arange(-SHIFT, SHIFT + 1)
    errors = [
        np.square(
            after[:, :, max(0, shift) : width + min(0, shift)] - before[:, :, max(0, -shift) : width - max(0, shift)]
        ).mean(axis=(2, 3))
        for shift in shifts
    ]
    return np.asarray(shifts[np.argmin(errors, axis=0)].sum(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Junction:
    """A held-out window shortly before a junction, and what may be planned there.

    Attributes:
        fork: the ways of true futures, by which a plan is judged.
        observed: frames up to the present one, uint8 [F, H, W, 3].
        futures: frames of as many true futures, uint8 [R, T, H, W, 3], and the way of each, [R].
    """

    fork: Fork
    observed: np.ndarray
    futures: np.ndarray
    ways: np.ndarray


def junctions(run: Path, clips: ClipFrames, model: WorldModel, most: int) -> list[Junction]:
    """Held-out windows of the run shortly before a junction, at most `most`, spread evenly over them.

    Raises:
        LamoError: there is none.
    """
    config, folder = read_json(run / CONFIG_FILE), frames_folder(run)
    labels = ForkLabels.read([str(folder / "found.parquet"), str(folder / "world" / "labels" / "val.parquet")])
    frames = FramesConfig.model_validate(config["frames"])
    rollouts = RolloutsConfig.model_validate(config["rollouts"] | {"fork_windows": FORK_WINDOWS})
    history = model.frames_needed - 1
    windows = rollout_windows(clips.lengths(), rollouts, frames.rate_hz, history, labels)
    drives = WorldDrives(pd.read_parquet(folder / "found.parquet"))
    steps = round(SECONDS * frames.rate_hz)
    branching = Branching(WorldConfig.model_validate(config["world"]), drives, frames, history, steps)
    forks = [fork for fork in find_forks(windows, branching, labels) if fork.kind == JUNCTION]
    if not forks:
        raise LamoError(
            f"{run}: found no held-out window before a junction, expected a world with world.forks.junctions"
        )
    return [_junction(fork, branching, clips.read([fork.window], 0, history + 1)[0]) for fork in thin(forks, most)]


def _junction(fork: Fork, branching: Branching, observed: np.ndarray) -> Junction:
    drives = branching.futures(fork.window, REFERENCES, FIRST)
    return Junction(fork, observed, np.stack([branching.pictures(drive, fork.window) for drive in drives]), fork.ways)


def methods(candidates: int) -> dict[str, dict[str, int]]:
    """The settings of a plan by its name; the first is no plan at all."""
    part = candidates // ITERATIONS
    cross_entropy = f"cross-entropy method, {ITERATIONS} times"
    return {
        NO_PLAN: {"candidates": 2, "elites": 2},
        f"best of {candidates}": {"candidates": candidates},
        f"{cross_entropy} {part}": {"candidates": part, "iterations": ITERATIONS, "elites": max(2, part // 4)},
        f"{cross_entropy} {candidates}": {
            "candidates": candidates,
            "iterations": ITERATIONS,
            "elites": candidates // 8,
        },
    }


def planned(model: WorldModel, places: Sequence[Junction], candidates: int) -> dict[str, np.ndarray]:
    """Of each method, whether the future that it chose goes the way of the goal, and how clearly: [W, goals, 2]."""
    result = {}
    for name, settings in methods(candidates).items():
        values = np.empty((len(places), len(GOALS), 2))
        for row, place in enumerate(places):
            for column, (goal, sign) in enumerate(GOALS.items()):
                score = _first if name == NO_PLAN else _score(place.observed[-1], sign)
                source = torch.Generator().manual_seed(row)
                best = plan(model, place.observed, score, SECONDS, generator=source, **settings)
                ways, clearly = place.fork.ways_of(best.frames[None])
                values[row, column] = ways[0] == goal, clearly[0]
        result[name] = values
    return result


def _first(futures: Futures) -> np.ndarray:
    """No plan: the first future that is drawn."""
    return -np.arange(len(futures.frames), dtype=np.float64)


def _score(now: np.ndarray, sign: float) -> Callable[[Futures], np.ndarray]:
    return lambda futures: sign * _turned_since(now, futures.frames)


def _turned_since(now: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """As `turned`, of frames [S, T, H, W, 3] that follow on the present one [H, W, 3]."""
    return turned(np.concatenate([np.broadcast_to(now, (len(frames), 1, *now.shape)), frames], axis=1))


def true_scores(places: Sequence[Junction]) -> str:
    """Whether the user's function tells the ways of true futures apart: its mean for each way."""
    rows = []
    for way, name in enumerate(WAYS[JUNCTION]):
        values = np.concatenate([_turned_since(one.observed[-1], one.futures[one.ways == way]) for one in places])
        rows.append([name, f"{values.mean():+.1f}", f"{values.std():.1f}", str(len(values))])
    return table(["true futures that go", "picture moves right (pixels), mean", "standard deviation", "futures"], rows)


def results(found: Mapping[str, np.ndarray], places: Sequence[Junction]) -> str:
    """A row for each method: how often its future goes the way of the goal, for each goal and both, and how clearly."""
    bootstrap = ClipBootstrap([one.fork.window.clip_id for one in places], RESAMPLES)
    rows = []
    for name, values in found.items():
        parts = (values[:, :1, 0], values[:, 1:, 0], values[..., 0], values[..., 1])
        intervals = [bootstrap.mean(part.mean(axis=1)) for part in parts]
        rows.append([name, *(f"{one.mean:.2f} ±{one.half:.2f}" for one in intervals)])
    return table(["plan", "goes left as planned", "goes right as planned", "both", "clearly"], rows)


def main() -> None:
    """Plan, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run in a world with junctions")
    parser.add_argument("--model", type=Path, help="folder of another world model; default: that of the run")
    parser.add_argument("--candidates", type=int, default=64, help="futures that a plan is chosen from")
    parser.add_argument("--windows", type=int, default=1000, help="windows to plan for, at most")
    options = parser.parse_args()
    model = lamo.load(options.model or options.run)
    clips = held_out(options.run)
    places = junctions(options.run, clips, model, options.windows)
    found = planned(model, places, options.candidates)
    measured = (
        f"{len(places)} windows of {len({one.fork.window.clip_id for one in places})} held-out drives shortly before a "
        f"junction, planned for left and for right; model of the run `{model.facts.run}`, sampler "
        f"{model.sampler.label}; measured {date.today()} on {machine(Path.cwd())}."
    )
    print(f"{true_scores(places)}\n\n{results(found, places)}\n\n{measured}")


if __name__ == "__main__":
    main()
