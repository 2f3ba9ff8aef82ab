"""Where and how a training runs: choices that depend on the machine and do not change what is learned."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from lamo.training.checkpoint import Checkpoints
from lamo.training.device import has_bfloat16, pick_device
from lamo.training.distributed import Processes, environment, joined
from lamo.training.signals import StopRequest
from lamo.training.tracking import NO_SERVICE, Tracker, tracker_of

CHECKPOINT_MINUTES = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """Device, processes and checkpoints of a training.

    Attributes:
        device: what this process computes on.
        processes: the processes that share each batch.
        workers: processes that read ahead, for each of these (see `Loader`).
        parts: in how many parts, one after another, a process computes its share of a batch; more save memory.
        checkpoints: the states to go on from.
        stop: whether the training was asked to stop.
        tracker: shows the log while it grows.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    processes: Processes = field(default_factory=Processes)
    workers: int = 0
    parts: int = 1
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    stop: StopRequest = field(default_factory=StopRequest)
    tracker: Tracker = field(default_factory=Tracker)

    def phase(self, name: str) -> "Session":
        """The session of one of several trainings that follow each other in one job."""
        return replace(self, checkpoints=self.checkpoints.phase(name), tracker=self.tracker.phase(name))


class TrainingJob(Protocol):
    """What a training has to know of its job (`lamo.jobs.provenance.Job`)."""

    @property
    def key(self) -> str:
        """Hash of all that it is made of."""

    @property
    def results(self) -> Path:
        """The folder of its run."""

    @property
    def name(self) -> str:
        """Its own name in the run."""

    @property
    def folder_for_checkpoints(self) -> Path:
        """Where its states may lie."""

    @property
    def folder_for_events(self) -> Path:
        """Where TensorBoard's files may lie."""


@contextmanager
def training_session(resources: Mapping[str, Any], threads: int, job: TrainingJob) -> Iterator[Session]:
    """The session of a rule's job, in one process or in each of several (see `lamo.jobs.launch`).

    `resources` are those of the rule: `loader_workers`, `batch_parts`, `checkpoint_minutes` between two checkpoints,
    and `tracker`, the service that shows the log. `threads`: those of the job on this machine. Checkpoints lie in the
    folder of `job` under its key; they are removed when the body has succeeded.

    Raises:
        LamoError: the service is not installed or cannot be started.
    """
    processes = environment() or Processes()
    stop = StopRequest()
    with stop.listening():
        torch.set_num_threads(max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
        device = pick_device(processes.local_rank)
        if processes.main and not has_bfloat16(device):
            logger.info("%s has no units for bfloat16: mixed precision is float32 here", device)
        with joined(processes, device):
            every_s = 60.0 * float(resources.get("checkpoint_minutes", CHECKPOINT_MINUTES))
            checkpoints = Checkpoints.keyed(job.folder_for_checkpoints, job.key, every_s, processes, device)
            workers = int(resources.get("loader_workers", 0))
            parts = int(resources.get("batch_parts", 1))
            tracker = Tracker()
            if processes.main:
                service = str(resources.get("tracker", NO_SERVICE))
                tracker = tracker_of(job.folder_for_events, service, job.results.name, job.name)
            yield Session(device, processes, workers, parts, checkpoints, stop, tracker)
            # Before the checkpoints go: whoever ends a job that waits for a service loses no training.
            if tracker.service:
                tracker.service.finish()
            checkpoints.remove()
