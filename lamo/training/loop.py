"""The training loop shared by every trained stage: progress, log, checkpoints and the stop at the first bad number."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.training.checkpoint import Stateful
from lamo.training.session import Session
from lamo.training.signals import Stopped

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

    def state_dict(self) -> dict[str, Any]:
        """All rows."""
        return {"rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The rows of another log in place of those here."""
        self._rows = state["rows"]

    def write(self, path: str | Path) -> None:
        """Write all rows, atomically."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns), temporary)


class _Pace:
    """Samples per second and the share of waiting for data since the last `restart`, and the minutes in all; time
    between `read` and `restart` does not count."""

    def __init__(self) -> None:
        self.minutes = 0.0

    def restart(self, samples_per_step: int, waited: Callable[[], float] | None) -> None:
        self.samples_per_step, self.waited = samples_per_step, waited
        self.start, self.steps = time.perf_counter(), 0
        self.waited_before = self.waited() if self.waited else 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"minutes": self.minutes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.minutes = state["minutes"]

    def read(self) -> dict[str, float]:
        elapsed = time.perf_counter() - self.start
        self.minutes += elapsed / 60
        rates = {"samples_per_s": self.steps * self.samples_per_step / elapsed, "minutes": self.minutes}
        if self.waited:
            rates["data_wait_share"] = (self.waited() - self.waited_before) / elapsed
        return rates


class Training:
    """A training of `steps` steps that can be stopped at any of them and goes on there.

    `state` names all that changes while it runs: modules, optimisers, generators. On construction the last checkpoint
    of `session` is loaded into them; `first` is then the step to go on at, from which batches must be drawn.
    """

    def __init__(
        self, description: str, steps: int, session: Session | None = None, state: Mapping[str, Stateful] | None = None
    ) -> None:
        self.description, self.steps, self.session = description, steps, session or Session()
        self.log, self._pace = TrainingLog(), _Pace()
        self.state: dict[str, Stateful] = {**(state or {}), "log": self.log, "pace": self._pace}
        self.first = self.session.checkpoints.restore(self.state)
        self._saved_s = time.monotonic()

    def run(
        self, step: Callable[[int], Values], samples_per_step: int, validate: Callable[[], Values] | None = None,
        validate_every: int = 0, log_every: int = 20, *, waited: Callable[[], float] | None = None,
        check: Callable[[int, Mapping[str, float]], None] | None = None,
    ) -> TrainingLog:  # fmt: skip
        """Call `step(i)` for i from `first` to steps - 1, which trains once and returns values to log.

        Every `log_every` steps the values (means over the processes) and the rate (samples per second, time outside
        validation) go to the log and the progress bar; every `validate_every` steps and at the end the values of
        `validate()` too. `waited()` is the time in s spent so far on waiting for data and is logged as a share of the
        time. Raises `LamoError` when a logged value is not finite, or when `check(i, values)` raises it, and says then
        where the last checkpoint lies; raises `Stopped` after a last checkpoint when asked to stop.
        """
        self._pace.restart(samples_per_step, waited)
        bar = tqdm(
            range(self.first, self.steps), desc=self.description, unit="step", mininterval=2.0, initial=self.first,
            total=self.steps, disable=not self.session.processes.main,
        )  # fmt: skip
        with self.session.stop.noted():
            for i in bar:
                values = step(i)
                self._pace.steps += 1
                last = i == self.steps - 1
                due = validate is not None and (last or bool(validate_every and i and i % validate_every == 0))
                checked = i % log_every == 0 or last or due
                if checked:
                    try:
                        row = self._record(i, values, samples_per_step, validate if due else None, check)
                    except LamoError as error:
                        raise LamoError(f"{error}; {self.session.checkpoints.last()}") from None
                    bar.set_postfix(loss=f"{row.get('loss', math.nan):.4f}", refresh=False)
                    self._pace.restart(samples_per_step, waited)
                self._after(i + 1, checked, last)
        return self.log

    def _record(
        self, i: int, values: Values, samples_per_step: int, validate: Callable[[], Values] | None,
        check: Callable[[int, Mapping[str, float]], None] | None,
    ) -> dict[str, float]:  # fmt: skip
        # Turning values into numbers waits for the device: only then has the time passed that the steps took.
        numbers = {name: float(value) for name, value in values.items()}
        numbers = self.session.processes.mean(numbers)
        row = self.log.add(i, {**numbers, **self._pace.read(), "samples": (i + 1) * samples_per_step})
        if check:
            check(i, row)
        if validate:
            checked = self.log.add(i, validate())
            found = ", ".join(f"{name} {value:.4g}" for name, value in checked.items())
            logger.info("%s step %d: %s", self.description, i, found)
        return row

    def _after(self, done: int, checked: bool, last: bool) -> None:
        """A checkpoint where one is due, of values that were `checked`; at the end; or because the training is to stop.
        All processes do the same."""
        checkpoints, stop = self.session.checkpoints, self.session.stop
        due = checked and time.monotonic() - self._saved_s >= checkpoints.every_s
        wish = self.session.processes.agree(2 if stop.signal else 1 if last or due else 0)
        if wish:
            checkpoints.save(done, self.state)
            self._saved_s = time.monotonic()
        if wish == 2 and not last:
            raise Stopped(
                f"{self.description}: stopped by {stop.signal or 'a signal to another process'} at step {done} of "
                f"{self.steps}; {checkpoints.last()}; start again to go on from it"
            )
