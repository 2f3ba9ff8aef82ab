"""The training loop shared by every trained stage: progress, log and the stop at the first bad number."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.stores.atomic import replacing

Values = Mapping[str, float | torch.Tensor]
logger = logging.getLogger(__name__)


class TrainingLog:
    """Collects rows of named values by step and writes them as Parquet; a value not logged at a step is null."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def add(self, step: int, values: Values) -> dict[str, float]:
        """Append one row. Raises `LamoError` at a value that is not finite."""
        row = {name: float(value) for name, value in values.items()}
        for name, value in row.items():
            if not math.isfinite(value):
                raise LamoError(f"training step {step}: {name} is {value}; lower the learning rate or check the data")
        self._rows.append({"step": step, **row})
        return row

    def write(self, path: str | Path) -> None:
        """Write all rows, atomically."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns), temporary)


def run_training(
    step: Callable[[int], Values],
    steps: int,
    samples_per_step: int,
    description: str,
    validate: Callable[[], Values] | None = None,
    validate_every: int = 0,
    log_every: int = 20,
) -> TrainingLog:
    """Call `step(i)` for i in 0..steps-1, which trains once and returns values to log.

    Every `log_every` steps the values and the rate (samples per second, time outside validation) go to the log and the
    progress bar; every `validate_every` steps and at the end the values of `validate()` too. Raises `LamoError` when a
    logged value is not finite.
    """
    log = TrainingLog()
    watch, seen = time.perf_counter(), 0
    bar = tqdm(range(steps), desc=description, unit="step", mininterval=2.0)
    for i in bar:
        values = step(i)
        seen += samples_per_step
        last = i == steps - 1
        due = validate is not None and (last or bool(validate_every and i and i % validate_every == 0))
        if i % log_every and not (last or due):
            continue
        elapsed = time.perf_counter() - watch
        row = log.add(i, {**values, "samples_per_s": seen / elapsed, "samples": (i + 1) * samples_per_step})
        bar.set_postfix(loss=f"{row.get('loss', math.nan):.4f}", refresh=False)
        if due:
            checked = log.add(i, validate())
            logger.info("%s step %d: %s", description, i, ", ".join(f"{k} {v:.4g}" for k, v in checked.items()))
        watch, seen = time.perf_counter(), 0
    return log
