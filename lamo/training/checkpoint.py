"""Checkpoints: the state from which a training that was stopped or killed goes on, as if nothing had happened.

Checkpoints lie outside the outputs that a rule declares, because Snakemake removes these when a job fails. Their folder
is named by a key, a hash of all that the training depends on. So a training with other settings, code or inputs has
another folder: it finds nothing to go on from, and overwrites nothing.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.training.distributed import Processes
from lamo.training.heartbeat import doing
from lamo.training.seed import random_state, set_random_state
from lamo.training.state_files import read_state, write_state

KEEP = 2
logger = logging.getLogger(__name__)


class Stateful(Protocol):
    """What a checkpoint keeps: modules, optimisers, logs and all else that can hand out and take back its state."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


class GeneratorState:
    """A random generator as part of a checkpoint."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["state"])


@dataclass(frozen=True)
class Checkpoints:
    """The last two good states of one training, `folder`/step-N; none are kept where `folder` is None.

    The first of the `processes` writes a state beside its place, syncs and renames it, so a state is complete or not
    there at all. It holds the random state of every process. `every_s`: seconds between two states.
    """

    folder: Path | None = None
    every_s: float = 600.0
    processes: Processes = field(default_factory=Processes)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def keyed(cls, folder: Path, key: str, every_s: float, processes: Processes, device: torch.device) -> "Checkpoints":
        """Checkpoints of the training whose dependencies hash to `key`; logs if others lie in `folder`."""
        others = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name != key)
        if others and processes.main:
            logger.info(
                "%s holds checkpoints of other settings, code or inputs (%s), which are not used; delete them if you "
                "do not need them", folder, ", ".join(others),
            )  # fmt: skip
        return cls(folder / key, every_s, processes, device)

    def phase(self, name: str) -> "Checkpoints":
        """Checkpoints of one of several trainings that follow each other in one job."""
        return self if self.folder is None else replace(self, folder=self.folder / name)

    def steps(self) -> list[int]:
        """The numbers of steps after which the kept states were written, the largest first."""
        names = [path.name.removeprefix("step-") for path in self.folder.glob("step-*")] if self.folder else []
        # Copies that people make have other names, as "step-000000100 (1)".
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def restore(self, parts: Mapping[str, Stateful]) -> int:
        """Load the last good state into `parts` and return the steps done; 0, and nothing changed, if there is none.

        A damaged state is named in the log, and the one before it is taken.
        """
        for step in self.steps():
            place = self._place(step)
            try:
                state = read_state(place)
            except LamoError as error:
                logger.warning("checkpoint not usable: %s; taking the one before it", error)
                continue
            if state["parts"].keys() != parts.keys():
                raise LamoError(
                    f"{place}: found {sorted(state['parts'])}, expected {sorted(parts)}; delete {self.folder}"
                )
            for name, part in parts.items():
                part.load_state_dict(state["parts"][name])
            self._restore_random(state["random"], place)
            if self.processes.main:
                logger.info("going on at step %d from %s", step, place)
            return step
        return 0

    def save(self, step: int, parts: Mapping[str, Stateful]) -> None:
        """Keep the present state, after `step` steps, and the one before it; remove older ones.

        Raises `LamoError` if a value of the state is not finite, or if it cannot be written. The earlier states then
        stay as they were.
        """
        if self.folder is None:
            return
        # All processes take part in this, so it comes before the part that only the first one does.
        random = self.processes.gather(json.dumps(random_state(self.device)))
        if self.processes.main:
            with doing(f"writes the checkpoint of step {step}"):
                self._write(
                    step, {"parts": {name: part.state_dict() for name, part in parts.items()}, "random": random}
                )
        self.processes.wait()

    def _write(self, step: int, state: Mapping[str, Any]) -> None:
        try:
            with replacing(self._place(step)) as temporary:
                temporary.mkdir()
                write_state(temporary, state)
        except LamoError as error:
            raise LamoError(f"training step {step}: {error}; {self.last()}") from None
        except (OSError, SafetensorError) as error:
            raise LamoError(
                f"{self._place(step)}: the checkpoint could not be written ({error}); free space on that disk and "
                f"start again; {self.last()}"
            ) from None
        for old in self.steps()[KEEP:]:
            shutil.rmtree(self._place(old))

    def last(self) -> str:
        """Where the last state lies, in words."""
        steps = self.steps()
        if not steps:
            return "no earlier state was kept"
        return f"the last good state, of step {steps[0]}, lies in {self._place(steps[0])}"

    def remove(self) -> None:
        """Remove all states: the training has ended and its result is written."""
        if self.folder is None or not self.processes.main:
            return
        if self.folder.exists():
            shutil.rmtree(self.folder)
        if self.folder.parent.exists() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _place(self, step: int) -> Path:
        assert self.folder is not None
        return self.folder / f"step-{step:09d}"

    def _restore_random(self, random: list[str], place: Path) -> None:
        rank = self.processes.rank
        if len(random) != self.processes.count:
            logger.info(
                "%s is of %d processes, this training has %d: all take the random state of the first",
                place, len(random), self.processes.count,
            )  # fmt: skip
            rank = 0
        set_random_state(json.loads(random[rank]), self.device)
