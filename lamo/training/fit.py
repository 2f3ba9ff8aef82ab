"""The training of a model, written once for every stage.

A stage says what one step does by a `Task`: its networks, their loss, and what follows each step. Its data are a
`RowSource`. `fit` does the rest: the schedule of the learning rate, the optimiser, the order of the data, several
processes, reading ahead, checkpoints and the log.

    task = DecoderTask(config, state_width, grid, patch, session.device)
    rows = ShuffledRows(len(frames), frames.read, config.training.batch, seed)
    log = fit(task, rows, session)

A single step needs neither data nor a session. Planning takes such a step to measure its time, or to count its
operations: in a `FakeTensorMode`, where it computes nothing and takes no memory. A task has to make its networks by
`lamo.nn.flops.build` for that.

    optimisation = Optimisation(task)
    optimisation.step(0, task.example_rows(batch), batch)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Generic, Protocol, TypeVar

import numpy as np
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from lamo.stores.windows import ShuffledOrder
from lamo.training.checkpoint import GeneratorState, Stateful
from lamo.training.config import OptimisationConfig
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog, Values
from lamo.training.optim import adamw, cosine, set_learning_rate
from lamo.training.session import Session

Rows = TypeVar("Rows")
RowsOut = TypeVar("RowsOut", covariant=True)
Draw = TypeVar("Draw")


class Task(ABC, Generic[Rows]):
    """What a stage trains, and what one step of it does.

    `Rows` is a dataclass of tensors whose first dimension is the batch, so that several processes can share a batch.

    Attributes:
        name: the training, in the progress bar and in messages.
        config: its optimisation.
        modules: the networks that are trained, by name. Their frozen parameters stay as they are.
        generators: generators that `loss` draws from besides torch's global ones, by name.
        minimised: the value of `loss` that is minimised.
        every_step_trains_all: whether the loss of every step depends on all trained parameters. Where it does not,
            several processes have to search for the parameters without a gradient, which takes time.
    """

    minimised = "loss"
    every_step_trains_all = True

    def __init__(
        self, name: str, config: OptimisationConfig, modules: Mapping[str, nn.Module],
        generators: Mapping[str, Generator] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.config = config
        self.modules = dict(modules)
        self.generators = dict(generators or {})

    @abstractmethod
    def loss(self, rows: Rows) -> Mapping[str, Tensor]:
        """Named scalars of `rows` to log, each a mean over the rows; the one called `minimised` is minimised."""

    @abstractmethod
    def example_rows(self, batch: int) -> Rows:
        """Rows of the shapes and types of real ones; their values mean nothing."""

    def batch(self, index: int) -> int:
        """Rows of step `index`, over all processes."""
        return self.config.batch

    @property
    def samples_per_step(self) -> int:
        """Samples that the log counts for a step."""
        return self.config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters, in the order in which the norm of the gradient is summed.

        Keep this order: it decides the rounding of the norm.
        """
        return [p for module in self.modules.values() for p in module.parameters() if p.requires_grad]

    def before_step(self, index: int, optimizer: Optimizer) -> Values:
        """Set what else changes with the step, besides the learning rate; returns values to log."""
        return {}

    def after_step(self, index: int) -> None:
        """Update what follows the trained weights, such as their moving average."""

    def state(self) -> Mapping[str, Stateful]:
        """What a checkpoint has to keep besides modules, generators and the optimiser."""
        return {}

    def check(self, index: int, values: Mapping[str, float]) -> None:
        """Raise `LamoError` if the logged `values` show that going on is useless."""


class RowSource(Protocol[Draw, RowsOut]):
    """The data of a training."""

    def draws(self, first: int, mine: Callable[[int], slice]) -> Iterator[Draw]:
        """What each step reads, from step `first` on.

        Everything random is drawn here, in one process. `mine(batch)` are the rows of a batch that this process reads.
        """

    def read(self, draw: Draw) -> RowsOut:
        """The rows of a draw; called in a background thread or in other processes."""


class ShuffledRows(Generic[Rows]):
    """Batches of `count` items in a new random order in every epoch; `read` fetches items by their numbers."""

    def __init__(self, count: int, read: Callable[[np.ndarray], Rows], batch: int, seed: int) -> None:
        self.read = read
        self.batch = batch
        self.order = ShuffledOrder(count, seed)

    def draws(self, first: int, mine: Callable[[int], slice]) -> Iterator[np.ndarray]:
        """Numbers of the items of each batch, endlessly."""
        return self.order.batches(self.batch, first * self.batch, mine(self.batch))


class Optimisation(Generic[Rows]):
    """The steps of a task's training, each on rows that are handed in."""

    def __init__(self, task: Task[Rows], session: Session | None = None) -> None:
        self.task = task
        config = task.config
        self.optimizer = adamw(task.modules.values(), config.learning_rate, config.weight_decay)
        self.learner = Learner(
            task.loss, list(task.modules.values()), self.optimizer, config.clip_gradient or math.inf,
            session or Session(), list(task.generators.values()), task.every_step_trains_all,
            parameters=task.parameters(), minimised=task.minimised,
        )  # fmt: skip

    def step(self, index: int, rows: Rows, batch: int) -> Values:
        """Step `index` on a batch of which `rows` are this process's; returns the values to log.

        `batch`: rows of the whole batch, over all processes.
        """
        config = self.task.config
        rate = cosine(index, config.steps, config.learning_rate, config.final_learning_rate, config.warmup_steps)
        set_learning_rate(self.optimizer, rate)
        scheduled = self.task.before_step(index, self.optimizer)
        values = self.learner.learn(rows, batch)
        self.task.after_step(index)
        return {**values, "learning_rate": rate, **scheduled}

    def state(self) -> dict[str, Stateful]:
        """All that changes while the training runs."""
        generators = {name: GeneratorState(generator) for name, generator in self.task.generators.items()}
        return {**self.task.modules, **generators, **self.task.state(), "optimizer": self.optimizer}


def fit(
    task: Task[Rows], rows: RowSource[Draw, Rows], session: Session,
    validate: Callable[[], Values] | None = None, validate_every: int = 0,
) -> TrainingLog:  # fmt: skip
    """Train `task` on `rows`, from the last checkpoint of `session` on if there is one; returns its log.

    `validate()` gives values of held-out data for the log: every `validate_every` steps, if that is not 0, and at the
    end.

    Raises:
        LamoError: a logged value is not finite, or `task.check` raised it; it says where the last checkpoint lies.
        Stopped: the process was asked to stop; the next attempt goes on from the checkpoint that was written.
    """
    optimisation = Optimisation(task, session)
    steps = task.config.steps
    training = Training(task.name, steps, session, optimisation.state())
    draws = rows.draws(training.first, lambda batch: local_rows(session, batch))
    # Without the end the loader would read batches that no step uses.
    with Loader(rows.read, islice(draws, steps - training.first), session.workers) as batches:
        return training.run(
            lambda index: optimisation.step(index, next(batches), task.batch(index)), task.samples_per_step,
            validate, validate_every, waited=lambda: batches.waited_s, check=task.check,
        )  # fmt: skip
