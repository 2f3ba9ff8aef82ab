"""The log of a training while it runs: for TensorBoard, and for a service such as Weights & Biases if one is named."""

import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from lamo.errors import LamoError

PROJECT = "lamo"
NO_SERVICE = "none"
"""In the place of a service's name where the configuration names none."""


@dataclass
class Tracker:
    """Shows the rows of a training's log as they come; without a folder and a service it shows nothing.

    Attributes:
        folder: for TensorBoard's file of events. One that an earlier attempt left there is replaced.
        service: a module that was started, with the functions `log` and `finish` of Weights & Biases.
        prefix: before the names of values that are sent to the service.
    """

    folder: Path | None = None
    service: ModuleType | None = None
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
        if self.folder:
            self._write(self.folder, new)
        if self.service:
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


def start_service(name: str, run: str, job: str) -> ModuleType | None:
    """Start the service `name`, a module with the interface of Weights & Biases; None if it is `NO_SERVICE`.

    Raises:
        LamoError: the module is not installed.
    """
    if name == NO_SERVICE:
        return None
    try:
        module = importlib.import_module(name)
    except ImportError:
        raise LamoError(
            f"tracking: found {name}, which is not installed; install it into the environment of the jobs, or set "
            "tracking to null"
        ) from None
    module.init(project=PROJECT, name=f"{run} {job}")
    return module
