"""Does a plan that should turn left turn left? At junctions of the synthetic world, whose true futures are known.

python -m benchmarks.planning RUN [--model FOLDER] [--candidates N] [--docs DOCUMENT]

RUN is the folder of a finished run in a world with junctions; its held-out windows shortly before one are planned for.
A quarter of an hour on one core.
"""

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import lamo
from benchmarks.grounding import held_out
from benchmarks.timing import machine, table
from lamo.dataset.world_drives import ForkLabels, WorldDrives
from lamo.metrics.modes import Fork, find_forks
from lamo.model.planning import plan
from lamo.model.rollout import Futures
from lamo.model.world_model import WorldModel
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.ideal_futures import Branching
from lamo.rollout.windows import ClipFrames
from lamo.stages import CONFIG_FILE
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.atomic import read_json
from lamo.tools.documents import replace_between
from lamo.video.config import FramesConfig
from lamo.world.forks import JUNCTION, LEFT, RIGHT, WAYS
from lamo.world.simulation import WorldConfig

SHIFT = 8
"""The farthest that the picture may move between two frames; pixels."""
SECONDS = 1.6
ITERATIONS = 4
RESAMPLES = 1000
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


def junctions(run: Path, clips: ClipFrames, model: WorldModel) -> list[Fork]:
    """Held-out windows of the run shortly before a junction, with true futures of each way."""
    config = read_json(run / CONFIG_FILE)
    found = run / "01_frames" / "found.parquet"
    labels = ForkLabels.read([str(found), str(run / "01_frames" / "world" / "labels" / "val.parquet")])
    frames = FramesConfig.model_validate(config["frames"])
    rollouts = RolloutsConfig.model_validate(config["rollouts"] | {"fork_windows": 2})
    history = model.frames_needed - 1
    windows = rollout_windows(clips.lengths(), rollouts, frames.rate_hz, history, labels)
    steps = round(SECONDS * frames.rate_hz)
    world = WorldConfig.model_validate(config["world"])
    branching = Branching(world, WorldDrives(pd.read_parquet(found)), frames, history, steps)
    return [fork for fork in find_forks(windows, branching, labels) if fork.kind == JUNCTION]


def planned(model: WorldModel, forks: Sequence[Fork], clips: ClipFrames, candidates: int) -> dict[str, np.ndarray]:
    """Of each method, whether the future that it chose goes the way of the goal, and how clearly: [W, goals, 2]."""
    methods: dict[str, Callable[..., dict[str, int]]] = {
        "one sample": lambda: {"candidates": 2, "iterations": 1, "elites": 2},
        f"best of {candidates}": lambda: {"candidates": candidates, "iterations": 1},
        f"cross-entropy method, {ITERATIONS} times {candidates // ITERATIONS}": lambda: {
            "candidates": candidates // ITERATIONS,
            "iterations": ITERATIONS,
            "elites": max(2, candidates // ITERATIONS // 4),
        },
        f"cross-entropy method, {ITERATIONS} times {candidates}": lambda: {
            "candidates": candidates,
            "iterations": ITERATIONS,
            "elites": candidates // 8,
        },
    }
    result: dict[str, np.ndarray] = {}
    for name, settings in methods.items():
        values = np.empty((len(forks), len(GOALS), 2))
        for row, fork in enumerate(forks):
            observed = clips.read([fork.window], 0, model.frames_needed)[0]
            for column, (goal, sign) in enumerate(GOALS.items()):
                best = plan(
                    model, observed, _first if name == "one sample" else _score(observed[-1], sign), SECONDS,
                    generator=torch.Generator().manual_seed(row), **settings(),
                )  # fmt: skip
                ways, clearly = fork.ways_of(best.frames[None])
                values[row, column] = ways[0] == goal, clearly[0]
        result[name] = values
    return result


def _first(futures: Futures) -> np.ndarray:
    """No plan: the first future that is drawn."""
    return -np.arange(len(futures.frames), dtype=np.float64)


def _score(now: np.ndarray, sign: float) -> Callable[[Futures], np.ndarray]:
    def score(futures: Futures) -> np.ndarray:
        frames = np.concatenate([np.broadcast_to(now, (len(futures.frames), 1, *now.shape)), futures.frames], axis=1)
        return sign * turned(frames)

    return score


def true_scores(forks: Sequence[Fork]) -> str:
    """Whether the user's function tells the ways of true futures apart: its mean for each way."""
    rows = []
    for way, name in enumerate(WAYS[JUNCTION]):
        values = np.concatenate([turned(fork.frames[fork.ways == way]) for fork in forks])
        rows.append([name, f"{values.mean():+.1f}", f"{values.std():.1f}", str(len(values))])
    return table(["true futures that go", "picture moves right (pixels), mean", "standard deviation", "futures"], rows)


def results(found: dict[str, np.ndarray], forks: Sequence[Fork]) -> str:
    """A row for each method: how often its future goes the way of the goal, for each goal and both, and how clearly."""
    bootstrap = ClipBootstrap([fork.window.clip_id for fork in forks], RESAMPLES)
    rows = []
    for name, values in found.items():
        cells = []
        for part in (values[:, :1, 0], values[:, 1:, 0], values[..., 0], values[..., 1]):
            one = bootstrap.mean(part.mean(axis=1))
            cells.append(f"{one.mean:.2f} ±{(one.high - one.low) / 2:.2f}")
        rows.append([name, *cells])
    return table(["plan", "goes left as planned", "goes right as planned", "both", "clearly"], rows)


def main() -> None:
    """Plan, measure, print and, if asked to, write the tables into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run in a world with junctions")
    parser.add_argument("--model", type=Path, help="folder of another world model; default: that of the run")
    parser.add_argument("--candidates", type=int, default=64, help="futures that a plan is chosen from")
    parser.add_argument("--docs", type=Path, help="document whose tables are replaced")
    options = parser.parse_args()
    model = lamo.load(options.model or options.run)
    clips = held_out(options.run)
    forks = junctions(options.run, clips, model)
    found = planned(model, forks, clips, options.candidates)
    measured = (
        f"{len(forks)} windows of {len({fork.window.clip_id for fork in forks})} held-out drives shortly before a "
        f"junction, planned for left and for right; model of the run `{model.facts.run}`, sampler "
        f"{model.sampler.label}; measured {date.today()} on {machine(Path.cwd())}."
    )
    parts = {"planning-true": true_scores(forks), "planning": results(found, forks), "planning-measured": measured}
    for name, text in parts.items():
        print(f"{text}\n")
        if options.docs:
            replace_between(options.docs, name, text)


if __name__ == "__main__":
    main()
