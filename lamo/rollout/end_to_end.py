"""Training of a predictor together with the forward dynamics, through rollouts (the paper's outlook, section 6).

In the two stages of the method the predictor learns one step at a time, from true states, and the forward dynamics from
true motion tokens. Here both see what a rollout makes of them: two futures of each window are sampled as in a rollout,
and the gradient of their score goes through all steps. The encoder, the inverse dynamics and the decoder stay: motion
tokens and states keep their meaning.

Shapes: B windows, S = 2 samples, K history, T steps, P patches, D_z state width.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from lamo.midway.learning.sampling import FrameWindows
from lamo.midway.network import Midway
from lamo.predictors.end_to_end import EndToEndConfig
from lamo.predictors.interface import Predictor, Sampler
from lamo.rollout.frozen_models import LatentModels, Observation, SteppedBy
from lamo.rollout.roll import roll
from lamo.stores.windows import ShardArray, Windows
from lamo.training.device import mixed_precision
from lamo.training.fit import ShuffledRows, Task, fit
from lamo.training.loop import TrainingLog, Values
from lamo.training.seed import generator, seed_everything
from lamo.training.session import Session

SAMPLES = 2
"""Futures of each window: the fewest of which an energy score can be estimated."""
VALIDATION_WINDOWS = 32
NOISE, VALIDATION = range(2)  # streams of random numbers


class EndToEndTask(Task[FrameWindows]):
    """A step on windows of frames uint8 [B, K + 1 + T, H, W, 3].

    The loss is the energy score of the states of each step, in their normalised units, mean over windows and steps:
    (|x_1 - y| + |x_2 - y| - |x_1 - x_2|) / 2 with |.| the root mean square over P x D_z. In expectation it is least for
    samples from the true distribution (`lamo.metrics.samples`). Of a mixture the gradient leaves out the weights of the
    components, which are drawn.
    """

    every_step_trains_all = False

    def __init__(
        self, name: str, models: LatentModels, forward: Midway, predictor: Predictor, sampler: Sampler,
        config: EndToEndConfig, rate_hz: float, seed: int,
    ) -> None:  # fmt: skip
        self.predictor = predictor
        self.forward = forward.requires_grad_(False)
        if config.trained != "dynamics":
            predictor.requires_grad_(True)
        if config.trained != "predictor":
            forward.train_forward_alone()
        self.models = models
        self.stepped = replace(models, dynamics=SteppedBy(models.dynamics, forward))
        self.sampler = sampler
        self.settings = config
        self.length = predictor.geometry.history + 1 + config.horizon_steps(rate_hz)
        self.noise = generator(models.device, seed, NOISE)
        modules = {"predictor": predictor, "dynamics": forward}
        super().__init__(name, config, modules, {"noise": self.noise})

    def loss(self, rows: FrameWindows) -> dict[str, Tensor]:
        """The energy score, and its part that the spread of the samples is."""
        return self.scores(rows, self.noise)

    def scores(self, rows: FrameWindows, noise: Generator) -> dict[str, Tensor]:
        """As `loss`, with other random numbers."""
        history = self.predictor.geometry.history
        frames = rows.frames
        with mixed_precision(self.models.device, self.settings.mixed_precision):
            with torch.no_grad():
                observed = Observation(self.models, frames, history)
                start = observed.start().repeated(SAMPLES)
                truth = torch.stack([observed.state(i) for i in range(history + 1, frames.shape[1])], dim=1)
            future = roll(self.stepped, start, self.predictor, self.sampler, noise)
            states = torch.stack([future.step() for _ in range(truth.shape[1])], dim=1)
        samples = states.float().unflatten(0, (len(frames), SAMPLES))
        error = _distance(samples, truth.float().unsqueeze(1)).mean()
        spread = _distance(samples[:, 0], samples[:, 1]).mean()
        return {"loss": error - spread / 2, "spread": spread.detach()}

    def example_rows(self, batch: int) -> FrameWindows:
        """Black frames."""
        return FrameWindows(torch.zeros(batch, self.length, *self.forward.image, 3, dtype=torch.uint8))


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """Root mean square of the difference over the last two axes; the constant keeps its gradient finite at 0."""
    return ((one - other).square().mean(dim=(-2, -1)) + 1e-8).sqrt()


def train_end_to_end(
    name: str,
    models: LatentModels,
    forward: Midway,
    predictor: Predictor,
    sampler: Sampler,
    config: EndToEndConfig,
    frames: tuple[Sequence[ShardArray], Sequence[ShardArray]],
    rate_hz: float,
    seed: int,
    session: Session,
) -> TrainingLog:
    """Train `predictor` and the f_fwd of `forward`, both in place, on windows of frames of training and held-out clips.

    `models` encode and infer motion; `forward` begins as a copy of their network.

    Returns:
        The log: loss, its spread, and validation_loss on held-out windows.

    Raises:
        LamoError: no clip is long enough, or the loss is not finite.
    """
    seed_everything(seed)
    task = EndToEndTask(name, models, forward, predictor, sampler, config, rate_hz, seed)
    train, held_out = (Windows(shards, task.length) for shards in frames)
    picks = np.unique(np.linspace(0, len(held_out) - 1, VALIDATION_WINDOWS).astype(int))
    checked = FrameWindows(torch.from_numpy(held_out.read(picks)))

    @torch.no_grad()
    def validate() -> Values:
        noise = generator(models.device, seed, VALIDATION)
        return {"validation_loss": float(task.scores(checked, noise)["loss"])}

    rows = ShuffledRows(len(train), lambda some: FrameWindows(torch.from_numpy(train.read(some))), config.batch, seed)
    return fit(task, rows, session, validate, config.validate_every)
