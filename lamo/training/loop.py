"""The training loop shared by every trained stage: progress, log and the stop at the first bad number."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.stores.atomic import replacing

Values = Mapping[str, float | torch.Tensor]
LOG = "log.parquet"
logger = logging.getLogger(__name__)


class TrainingLog:
    """Collects rows of named values by step and writes them as Parquet; a value not logged at a step is null."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def add(self, step: int, values: Values) -> dict[str, float]:
        """Append a row, or more values to the last one if that is of the same step; returns the values.

        Raises `LamoError` at a value that is not finite."""
        row = {name: float(value) for name, value in values.items()}
        for name, value in row.items():
            if not math.isfinite(value):
                raise LamoError(f"training step {step}: {name} is {value}; lower the learning rate or check the data")
        if self._rows and self._rows[-1]["step"] == step:
            self._rows[-1].update(row)
        else:
            self._rows.append({"step": step, **row})
        return row

    def write(self, path: str | Path) -> None:
        """Write all rows, atomically."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns), temporary)


class LastGood:
    """The model as it was at the last validation that found it healthy, for when a run breaks down later.

    `folder` lies outside the outputs that a rule declares, which are removed when its job fails; `save` writes the
    model to a folder. The log up to then, and when training stops the whole of it, is kept beside the model.
    """

    def __init__(self, folder: str | Path, save: Callable[[Path], None]) -> None:
        self.folder, self.save = Path(folder), save
        self.step: int | None = None

    def keep(self, step: int, log: TrainingLog) -> None:
        """Replace what is kept by the present state."""
        with replacing(self.folder) as temporary:
            self.save(temporary)
            log.write(temporary / LOG)
        self.step = step

    def _stopped(self, log: TrainingLog) -> str:
        if self.step is None:
            return "there was no validation before it, so no earlier state was kept"
        log.write(self.folder / LOG)
        return f"the last good state, of step {self.step}, and the log lie in {self.folder}"

    @contextmanager
    def named(self, log: TrainingLog) -> Iterator[None]:
        """A `LamoError` of the body says where the last good state lies."""
        try:
            yield
        except LamoError as error:
            raise LamoError(f"{error}; {self._stopped(log)}") from None


class _Pace:
    """Samples per second and the share of waiting for data since the last `restart`, and the minutes in all; time
    between `read` and `restart` does not count."""

    def __init__(self, samples_per_step: int, waited: Callable[[], float] | None) -> None:
        self.samples_per_step, self.waited = samples_per_step, waited
        self.minutes = 0.0
        self.restart()

    def restart(self) -> None:
        self.start, self.steps = time.perf_counter(), 0
        self.waited_before = self.waited() if self.waited else 0.0

    def read(self) -> dict[str, float]:
        elapsed = time.perf_counter() - self.start
        self.minutes += elapsed / 60
        rates = {"samples_per_s": self.steps * self.samples_per_step / elapsed, "minutes": self.minutes}
        if self.waited:
            rates["data_wait_share"] = (self.waited() - self.waited_before) / elapsed
        return rates


def run_training(
    step: Callable[[int], Values],
    steps: int,
    samples_per_step: int,
    description: str,
    validate: Callable[[], Values] | None = None,
    validate_every: int = 0,
    log_every: int = 20,
    *,
    waited: Callable[[], float] | None = None,
    check: Callable[[int, Mapping[str, float]], None] | None = None,
    last_good: LastGood | None = None,
) -> TrainingLog:
    """Call `step(i)` for i in 0..steps-1, which trains once and returns values to log.

    Every `log_every` steps the values and the rate (samples per second, time outside validation) go to the log and the
    progress bar; every `validate_every` steps and at the end the values of `validate()` too, after which the state goes
    to `last_good`. `waited()` is the time in s spent so far on waiting for data and is logged as a share of the time.
    Raises `LamoError` when a logged value is not finite, or when `check(i, values)` raises it.
    """
    log, pace = TrainingLog(), _Pace(samples_per_step, waited)
    bar = tqdm(range(steps), desc=description, unit="step", mininterval=2.0)
    with last_good.named(log) if last_good else nullcontext():
        for i in bar:
            values = step(i)
            pace.steps += 1
            last = i == steps - 1
            due = validate is not None and (last or bool(validate_every and i and i % validate_every == 0))
            if i % log_every and not (last or due):
                continue
            # Turning values into numbers waits for the device: only then has the time passed that the steps took.
            numbers = {name: float(value) for name, value in values.items()}
            row = log.add(i, {**numbers, **pace.read(), "samples": (i + 1) * samples_per_step})
            if check:
                check(i, row)
            bar.set_postfix(loss=f"{row.get('loss', math.nan):.4f}", refresh=False)
            if due:
                checked = log.add(i, validate())
                logger.info("%s step %d: %s", description, i, ", ".join(f"{k} {v:.4g}" for k, v in checked.items()))
                if last_good:
                    last_good.keep(i, log)
            pace.restart()
    return log
