"""The loop over the steps of a training: progress, log, checkpoints, and the stop at a value that is not finite."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from lamo.errors import LamoError
from lamo.progress import Bar
from lamo.stores.atomic import replacing
from lamo.training.checkpoint import Stateful
from lamo.training.heartbeat import doing
from lamo.training.session import Session
from lamo.training.signals import Stopped

Values = Mapping[str, float | torch.Tensor]
LOG = "log.parquet"
logger = logging.getLogger(__name__)


class TrainingLog:
    """Rows of named values by step, written as Parquet; a value that a step did not log is null."""

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def add(self, step: int, values: Values) -> dict[str, float]:
        """Append a row of `values`, or add them to the last row if it is of the same step; returns the values.

        Raises `LamoError` if a value is not finite.
        """
        row = {name: float(value) for name, value in values.items()}
        for name, value in row.items():
            if not math.isfinite(value):
                raise LamoError(f"training step {step}: {name} is {value}; lower the learning rate or check the data")
        if self._rows and self._rows[-1]["step"] == step:
            self._rows[-1].update(row)
        else:
            self._rows.append({"step": step, **row})
        return row

    @property
    def rows(self) -> Sequence[Mapping[str, float]]:
        """All rows, each with its `step`."""
        return self._rows

    def state_dict(self) -> dict[str, Any]:
        """All rows."""
        return {"rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Replace all rows by those of another log."""
        self._rows = state["rows"]

    def write(self, path: str | Path) -> None:
        """Write all rows, atomically."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        columns = {name: [row.get(name) for row in self._rows] for name in names}
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns), temporary)


class _Pace:
    """Samples per second and share of the time spent on waiting for data, since the last `restart`; and minutes in all.

    The time between `read` and `restart`, that of validations, does not count.
    """

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
    """A training of `steps` steps that can be stopped after any of them, and goes on there.

    `state` names all that changes while it runs: modules, optimisers, generators. The constructor loads the last
    checkpoint of `session` into them. `first` is then the step to go on at; batches have to be drawn from there.
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

        Every `log_every` steps the log gets the values (means over the processes), the pace in samples per second
        without validations, and the share of the time spent on waiting for data, if `waited()` gives that time in s.
        Every `validate_every` steps and at the end it gets the values of `validate()` too.

        Raises:
            LamoError: a logged value is not finite, or `check(i, values)` raised it; it says where the last checkpoint
                lies.
            Stopped: the process was asked to stop; a last checkpoint is written before.
        """
        # What the checkpoint brought, also of a training that had ended before.
        self.session.tracker.show(self.log.rows)
        self._pace.restart(samples_per_step, waited)
        bar = Bar(
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
        # Turning values into numbers waits for the device; the pace has to be read after that.
        numbers = {name: float(value) for name, value in values.items()}
        numbers = self.session.processes.mean(numbers)
        row = self.log.add(i, {**numbers, **self._pace.read(), "samples": (i + 1) * samples_per_step})
        if check:
            check(i, row)
        if validate:
            with doing(f"validates after step {i}"):
                checked = self.log.add(i, validate())
            found = ", ".join(f"{name} {value:.4g}" for name, value in checked.items())
            logger.info("%s step %d: %s", self.description, i, found)
        self.session.tracker.show(self.log.rows)
        return row

    def _after(self, done: int, checked: bool, last: bool) -> None:
        """Write a checkpoint if one is due and the values were `checked`, at the end, or if the training is to stop.

        All processes do the same.
        """
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
