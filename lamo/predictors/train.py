"""Training of one predictor on latents stores."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamo.nn.flops import build, clone
from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.config import PredictorTraining
from lamo.predictors.data import Batch, LatentRows, LatentWindows, example_rows, normalised
from lamo.predictors.interface import Geometry, Predictor, Sampler
from lamo.predictors.kinds import PredictorConfig, find_kind
from lamo.predictors.linear_guess import LinearGuess
from lamo.predictors.saved import Tokens
from lamo.predictors.start import begin_with
from lamo.predictors.statistics import Statistics
from lamo.training.checkpoint import Stateful
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.fit import ShuffledRows, Task, fit
from lamo.training.loop import Values
from lamo.training.seed import generator, seed_everything
from lamo.training.session import Session

LOG = "log.parquet"
# Streams of random numbers of a training, told apart so that adding one leaves the others alone.
NOISE, VALIDATION, VALIDATION_SAMPLE, VALIDATION_WINDOWS = range(4)


def train_predictor(
    config: PredictorConfig,
    geometry: Geometry,
    train: LatentWindows,
    validation: LatentWindows,
    seed: int,
    folder: str | Path,
    session: Session,
    entry: str | None = None,
    *,
    rate_hz: float,
) -> Predictor:
    """Trains one predictor and writes model.safetensors, config.json and log.parquet into `folder`.

    The log holds loss, gradient norm, learning rate, samples per second and the share of the time spent on waiting for
    data. Validations use the averaged weights and clean contexts. They log, in variances of the target:
    - validation_loss.
    - validation_error: mean squared error of one sample per window, twice that of their mean if they vary as the truth
      does; of a mixture, of its most likely mean.
    - repeat_error: of the last observed value.
    - guess_error: of the linear guess alone. If it is not below 1, which is the mean, there were too few windows, and
      more ridge helps.

    `entry` names the training to people; by default the kind does. `rate_hz` of the frames is kept with the model.

    Returns:
        The predictor that was saved: the moving average of the weights if ema_decay is not 0.

    Raises:
        LamoError: the loss is not finite, config and geometry disagree, or the predictor to begin with is another.
    """
    settings = config.settings.training
    device = session.device
    kind = find_kind(config.kind)
    sampler = kind.parse(kind.validated_by)
    seed_everything(seed)
    model = build(lambda: build_predictor(config, geometry), device)
    tokens = Tokens(train.statistics.digest(), rate_hz)
    begin(model, train, config, geometry, tokens, f"predictors.entries.{entry or kind.name}.training.start", device)
    task = PredictorTask(f"{entry or kind.name} seed {seed}", model, geometry, train.statistics, settings, seed, device)
    checks = _validation_batches(validation, settings, seed, device)
    rows = ShuffledRows(len(train), train.read, settings.batch, seed)
    log = fit(
        task, rows, session, lambda: validate(task.average, sampler, checks, seed, device), settings.validate_every
    )
    if session.processes.main:
        save_predictor(folder, task.average, config, geometry, tokens)
        log.write(Path(folder) / LOG)
    return task.average


def begin(
    model: Predictor, train: LatentWindows, config: PredictorConfig, geometry: Geometry, tokens: Tokens, key: str,
    device: torch.device,
) -> None:  # fmt: skip
    """Give an untrained model what its training begins with: another predictor (`key` names it), or a linear guess."""
    start = config.settings.training.start
    if start is not None:
        begin_with(model, start, config, geometry, tokens, key)
    else:
        fit_guess(model, train, device)


def fit_guess(model: Predictor, windows: LatentWindows, device: torch.device) -> None:
    """Fits the linear guess of `model`, if it has one, on windows spread evenly over all clips."""
    guess = getattr(model, "linear", None)
    if not isinstance(guess, LinearGuess):
        return

    def spread(count: int) -> Iterator[tuple[Tensor, Tensor]]:
        for picks in np.array_split(np.arange(count) * len(windows) // count, math.ceil(count / 256)):
            batch = windows.batch(picks, device)
            yield batch.past(model.predicts), batch.target(model.predicts)

    guess.fit(spread, len(windows))


class PredictorTask(Task[LatentRows]):
    """A step of a predictor's training on windows of latents, and the moving average of its weights.

    `model` is as it is to be at the start; its average is what a training saves.
    """

    def __init__(
        self, name: str, model: Predictor, geometry: Geometry, statistics: Statistics, settings: PredictorTraining,
        seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self.average = clone(model).eval().requires_grad_(False)
        self.model = model.train()
        self.geometry = geometry
        self.statistics = statistics
        self.settings = settings
        self.device = device
        self.noise = generator(device, seed, NOISE)
        super().__init__(name, settings, {"model": self.model}, {"noise": self.noise})

    def loss(self, rows: LatentRows) -> dict[str, Tensor]:
        """The loss of the predictor's kind on normalised windows."""
        batch = normalised(rows, self.statistics, self.device)
        with mixed_precision(self.device, self.settings.mixed_precision):
            return {"loss": self.model.loss(batch.context, batch.target(self.model.predicts), self.noise)}

    def after_step(self, index: int) -> None:
        """Update the moving average of the weights."""
        # A short memory at first: the initial weights would linger in the average of a short training.
        update_ema(self.average, self.model, min(self.settings.ema_decay, (1 + index) / (10 + index)))

    def state(self) -> dict[str, Stateful]:
        """The average."""
        return {"average": self.average}

    def example_rows(self, batch: int) -> LatentRows:
        """Windows that are zero."""
        return example_rows(self.geometry, batch)


def _validation_batches(
    windows: LatentWindows, settings: PredictorTraining, seed: int, device: torch.device
) -> list[Batch]:
    """The same few batches at every validation, spread over all clips and never one window twice."""
    count = min(len(windows), settings.batch * settings.validation_batches)
    order = torch.randperm(len(windows), generator=generator(torch.device("cpu"), seed, VALIDATION_WINDOWS))[:count]
    return [windows.batch(indices.numpy(), device) for indices in order.split(settings.batch)]


@torch.no_grad()
def validate(model: Predictor, sampler: Sampler, batches: list[Batch], seed: int, device: torch.device) -> Values:
    """Loss and one-step error on `batches`, with the same random numbers every time."""
    noise = generator(device, seed, VALIDATION)
    sampling = generator(device, seed, VALIDATION_SAMPLE)
    names = ("validation_loss", "validation_error", "guess_error", "repeat_error")
    means = {name: torch.zeros((), device=device) for name in names}
    windows = sum(len(batch.state) for batch in batches)
    for batch in batches:
        target = batch.target(model.predicts)
        found = (
            model.loss(batch.context, target, noise).float(),
            (model.sample(batch.context, sampler, sampling) - target).square().mean(),
            (model.guess(batch.context) - target).square().mean(),
            (batch.last(model.predicts) - target).square().mean(),
        )
        for name, value in zip(names, found, strict=True):
            means[name] = means[name] + len(batch.state) / windows * value
    return means
