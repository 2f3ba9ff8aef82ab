"""Steps per second of a training of the demo, alone and beside a busy process; `benchmarks.neighbour` starts it.

It is asked by a JSON object in the variable `ASKED`: `training`; `threads` of the job; `processes`, where 0 leaves the
choice to `lamo.jobs.launch` as in a run; `rounds` and `seconds` of measuring. It prints a JSON object.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from lamo.config import Config
from lamo.jobs.launch import handed_over, is_one_of_several
from lamo.jobs.side_by_side import end_with_parent
from lamo.tools.overlay import read_config
from lamo.tools.plan import trainings
from lamo.tools.plan.geometry import sizes_of
from lamo.training.distributed import Processes, environment, joined
from lamo.training.fit import Optimisation, Task
from lamo.training.learner import local_rows
from lamo.training.session import Session

ASKED = "LAMO_BENCH_NEIGHBOUR"
CONFIG = Path(__file__).resolve().parents[1] / "config" / "config.yaml"
BUSY = "while True: pass"
WARM_UP = 5


@contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """A process that keeps a core busy, if it is `wanted`."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], preexec_fn=end_with_parent) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def example(training: str, config: Config) -> tuple[Task[Any], Any, int]:
    """Task, rows and batch of a training: "midway-4" unrolls four steps, "predictor:flow" is the entry flow."""
    sizes = sizes_of(config)
    name, _, which = training.partition(":")
    if name.startswith("midway-"):
        unroll, settings = int(name.removeprefix("midway-")), config.midway.training
        batch = next(settings.windows_at(at) for at in range(settings.steps) if settings.unroll_at(at) == unroll)
        task = trainings.dynamics_task(sizes)
        return task, task.example_rows(batch, unroll=unroll), batch
    tasks: dict[str, Callable[[], Task[Any]]] = {
        "decoder": lambda: trainings.decoder_task(sizes),
        "features": lambda: trainings.features_task(sizes),
        "predictor": lambda: trainings.predictor_task(sizes, which),
    }
    other = tasks[name]()
    batch = other.batch(0)
    return other, other.example_rows(batch), batch


def measure(training: str, processes: Processes, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Steps per second, alone and beside a busy process in turns, `rounds` times each for `seconds`."""
    session = Session(processes=processes)
    task, rows, batch = example(training, read_config([CONFIG]))
    mine = local_rows(session, batch)
    rows = replace(rows, **{one.name: getattr(rows, one.name)[mine] for one in fields(rows)})
    optimisation = Optimisation(task, session)
    for _ in range(WARM_UP):
        optimisation.step(trainings.TYPICAL, rows, batch)
    found: dict[str, list[float]] = {"alone": [], "beside": []}
    for _ in range(rounds):
        for name, rates in found.items():
            with busy_process(name == "beside" and processes.main):
                steps, begin = 0, time.perf_counter()
                # All processes take the same number of steps.
                while not processes.agree(int(time.perf_counter() - begin > seconds)):
                    optimisation.step(trainings.TYPICAL, rows, batch)
                    steps += 1
                rates.append(steps / (time.perf_counter() - begin))
    return found


def main() -> None:
    """Measure, in one process or in several."""
    asked = json.loads(os.environ[ASKED])
    if is_one_of_several():
        end_with_parent()
    if handed_over({"processes": asked["processes"]}, asked["threads"]):
        return
    torch.set_num_threads(max(1, asked["threads"] // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
    processes = environment() or Processes()
    with joined(processes, torch.device("cpu")):
        found = measure(asked["training"], processes, asked["rounds"], asked["seconds"])
    if processes.main:
        print(json.dumps({"processes": processes.count, **found}))


if __name__ == "__main__":
    main()
