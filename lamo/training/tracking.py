"""The log of a training while it runs: for TensorBoard, and for a service such as Weights & Biases if one is named."""

import importlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from lamo.errors import LamoError

PROJECT = "lamo"
NO_SERVICE = "none"
"""In the place of a service's name where the configuration names none."""
logger = logging.getLogger(__name__)


class Service:
    """A module with the interface of Weights & Biases: `init`, `log`, `finish` and, if it has it, `define_metric`.

    What fails once the training runs is said in the log once, and nothing more is sent: no training ends because nobody
    can watch it.
    """

    def __init__(self, name: str, run: str, job: str) -> None:
        """Start it.

        Raises:
            LamoError: it is not installed or cannot be started, as without a login.
        """
        advice = "or set tracking to null"
        self._name = name
        try:
            self._module: ModuleType | None = importlib.import_module(name)
        except ImportError as error:
            logger.debug("import %s", name, exc_info=True)
            raise LamoError(
                f"tracking: {name} cannot be imported ({error}); install it into the environment of the jobs, {advice}"
            ) from None
        try:
            self._module.init(project=PROJECT, name=f"{run} {job}")
        except Exception as error:
            logger.debug("%s.init", name, exc_info=True)
            raise LamoError(f"tracking: {name} cannot be started ({error}); set it up as it says, {advice}") from None

    def define_step(self, prefix: str) -> None:
        """Draw values whose names begin with `prefix` against the step of their training."""
        if hasattr(self._module, "define_metric"):
            self._call("define_metric", f"{prefix}*", step_metric=f"{prefix}step")

    def log(self, values: Mapping[str, float]) -> None:
        """Send values."""
        self._call("log", dict(values))

    def finish(self) -> None:
        """Say that all has ended well. Where it is not called, the service sees that the process has ended."""
        self._call("finish")

    def _call(self, function: str, *values: object, **named: object) -> None:
        if self._module is None:
            return
        try:
            getattr(self._module, function)(*values, **named)
        except Exception as error:
            logger.warning("%s: %s failed (%s); nothing more is sent to it", self._name, function, error)
            logger.debug("%s.%s", self._name, function, exc_info=True)
            self._module = None


@dataclass
class Tracker:
    """Shows the rows of a training's log as they come; without a folder and a service it shows nothing.

    Attributes:
        folder: for TensorBoard's file of events. One that an earlier attempt left there is replaced.
        service: where the rows are sent to.
        prefix: before the names of values that are sent.
    """

    folder: Path | None = None
    service: Service | None = None
    prefix: str = ""
    _shown: int = field(default=0, init=False)

    def phase(self, name: str) -> "Tracker":
        """The tracker of one of several trainings that follow each other in one job."""
        return Tracker(self.folder / name if self.folder else None, self.service, f"{self.prefix}{name}/")

    def show(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Show the `rows` of the log that were not shown yet.

        After a restart the log begins with the rows of the checkpoint, so that no step is missing or shown twice.
        """
        new = rows[self._shown :]
        if not new:
            return
        if self.folder:
            try:
                self._write(self.folder, new)
            except Exception as error:
                logger.warning("%s: cannot be written (%s); TensorBoard shows no more of it", self.folder, error)
                logger.debug("%s", self.folder, exc_info=True)
                self.folder = None
        if self.service:
            if not self._shown:
                self.service.define_step(self.prefix)
            for row in new:
                self.service.log({f"{self.prefix}{name}": value for name, value in row.items()})
        self._shown = len(rows)

    def _write(self, folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
        # Imported late: it takes a quarter of a second, which programs that only read a Session need not pay.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        if not self._shown:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
            # Not its SummaryWriter, which has a thread and a queue: processes that read data are forked from this one.
            self._events = EventsWriter(str(folder / "events"))
        for row in rows:
            for name, value in row.items():
                if name != "step":
                    event = Event(wall_time=time.time(), step=int(row["step"]), summary=scalar(name, value))
                    self._events.write_event(event)
        self._events.flush()


def tracker_of(folder: Path, service: str, run: str, job: str) -> Tracker:
    """The tracker of a job, whose files of an earlier attempt in `folder` are removed; `service` may be `NO_SERVICE`.

    Raises:
        LamoError: the service is not installed or cannot be started.
    """
    started = None if service == NO_SERVICE else Service(service, run, job)
    for old in folder.glob("**/events.out.tfevents.*"):
        try:
            old.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s: an older file cannot be removed (%s); TensorBoard shows it, too", old, error)
    return Tracker(folder, started)
