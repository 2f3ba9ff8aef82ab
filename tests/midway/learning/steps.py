"""A training of the dynamics whose steps a test can take one by one."""

from collections.abc import Iterator

from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.dynamics import DynamicsTask
from lamo.midway.learning.readout import fit_readout
from lamo.midway.learning.sampling import FrameWindows, WindowSampler
from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway
from lamo.stores.windows import ShardArray, Windows
from lamo.training.fit import Optimisation, fit
from lamo.training.loop import TrainingLog, Values
from lamo.training.session import Session


class Dynamics:
    """Task, data and optimiser of a training of `model`, whose encoder is frozen where its form pre-trains it."""

    def __init__(
        self, model: Midway, config: MidwayTrainingConfig, train: list[ShardArray], held_out: list[ShardArray],
        seed: int = 0, session: Session | None = None, rate_hz: float | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.config = config
        self.session = session or Session()
        model.student.requires_grad_(not model.form.pretrained)
        self.sampler = WindowSampler(train, config, rate_hz, seed)
        readout = fit_readout(model, Windows(train, 1), seed, self.session.device) if model.form.pixel_weight else None
        self.task = DynamicsTask(model, config, readout, seed, self.session)
        self.optimisation = Optimisation(self.task, self.session)
        self.validate = Validation(
            model, train, held_out, seed, self.session.device, config.mixed_precision, self.task.frozen_encoder
        )
        self.batches: Iterator[FrameWindows] = map(self.sampler.read, self.sampler.draws())

    def step(self, index: int) -> Values:
        """Step `index` on the next windows."""
        return self.optimisation.step(index, next(self.batches), self.task.batch(index))

    def run(self) -> TrainingLog:
        """All steps."""
        self.model.train()
        return fit(self.task, self.sampler, self.session, self.validate, self.config.validate_every)
