"""Training of one predictor on latents stores."""

import copy
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.config import PredictorTraining
from lamo.predictors.data import Batch, LatentRows, LatentWindows
from lamo.predictors.interface import Geometry, Predictor, Sampler
from lamo.predictors.kinds import PredictorConfig, find_kind
from lamo.predictors.linear_guess import BASIS_WINDOWS, WINDOWS, LinearGuess
from lamo.stores.windows import ShuffledOrder
from lamo.training.checkpoint import GeneratorState, Stateful
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, Values
from lamo.training.optim import adamw, cosine, set_learning_rate
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
) -> Predictor:
    """Trains one predictor and writes model.safetensors, config.json and log.parquet into `folder`.

    The log holds loss, gradient norm, learning rate, samples per second, the share of the time spent on waiting for
    data and, at validations (on the averaged weights and clean contexts), validation_loss, validation_error (mean
    squared error of one sample per window, of a mixture its most likely mean, in variances of the target: of samples
    that are as uncertain as the truth it is twice that of their mean), repeat_error (of the last observed value) and
    guess_error (of the linear guess alone; one that is fitted on too few windows is no better than 1, the mean, and
    wants more ridge).

    Returns:
        The predictor that was saved: the moving average of the weights if ema_decay is not 0.

    Raises:
        LamoError: the loss is not finite, or config and geometry disagree.
    """
    settings, device = config.settings.training, session.device
    kind = find_kind(config.kind)
    sampler = kind.parse(kind.validated_by)
    seed_everything(seed)
    model = build_predictor(config, geometry).to(device)
    fit_guess(model, train, device)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    checks = _validation_batches(validation, settings, seed, device)
    trainer = _Trainer(model, average, settings, train, seed, session)
    training = Training(f"{kind.name} seed {seed}", settings.steps, session, trainer.state())
    batch, mine = settings.batch, local_rows(session, settings.batch)
    draws = ShuffledOrder(len(train), seed).batches(batch, training.first * batch, mine)
    with Loader(train.read, islice(draws, settings.steps - training.first), session.workers) as batches:
        log = training.run(
            lambda index: trainer.step(index, next(batches)), batch,
            validate=lambda: validate(average, sampler, checks, seed, device), validate_every=settings.validation_every,
            waited=lambda: batches.waited_s,
        )  # fmt: skip
    if session.processes.main:
        save_predictor(folder, average, config, geometry)
        log.write(Path(folder) / LOG)
    return average


def fit_guess(model: Predictor, windows: LatentWindows, device: torch.device) -> None:
    """Fits the linear guess of `model`, if it has one, on windows spread evenly over all clips."""
    guess = getattr(model, "linear", None)
    if not isinstance(guess, LinearGuess):
        return

    def spread(count: int) -> Iterator[tuple[Tensor, Tensor]]:
        count = min(count, len(windows))
        for picks in np.array_split(np.arange(count) * len(windows) // count, math.ceil(count / 256)):
            batch = windows.batch(picks, device)
            yield batch.past(model.predicts), batch.target(model.predicts)

    guess.fit(spread(BASIS_WINDOWS), spread(WINDOWS))


class _Trainer:
    """One optimiser step after the other, on random windows."""

    def __init__(
        self, model: Predictor, average: Predictor, settings: PredictorTraining, windows: LatentWindows, seed: int,
        session: Session,
    ) -> None:  # fmt: skip
        self.model, self.average, self.settings, self.windows = model.train(), average, settings, windows
        self.device = session.device
        self.optimizer = adamw([model], settings.learning_rate, settings.weight_decay)
        self.noise = generator(session.device, seed, NOISE)
        clip = settings.clip_gradient or math.inf
        self.learner: Learner[LatentRows] = Learner(self._loss, [model], self.optimizer, clip, session, [self.noise])

    def state(self) -> dict[str, Stateful]:
        """All that a checkpoint keeps."""
        noise = GeneratorState(self.noise)
        return {"model": self.model, "average": self.average, "optimizer": self.optimizer, "noise": noise}

    def step(self, index: int, rows: LatentRows) -> Values:
        """Trains once; returns the values to log."""
        settings = self.settings
        rate = cosine(
            index, settings.steps, settings.learning_rate, settings.final_learning_rate, settings.warmup_steps
        )
        set_learning_rate(self.optimizer, rate)
        values = self.learner.learn(rows, settings.batch)
        # A short memory at first, or the initial weights would linger in the average of a short training.
        update_ema(self.average, self.model, min(settings.ema_decay, (1 + index) / (10 + index)))
        return {**values, "learning_rate": rate}

    def _loss(self, rows: LatentRows) -> dict[str, Tensor]:
        batch = self.windows.normalise(rows, self.device)
        with mixed_precision(self.device, self.settings.bf16):
            loss = self.model.loss(batch.context, batch.target(self.model.predicts), self.noise)
        return {"loss": loss}


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
    noise, sampling = generator(device, seed, VALIDATION), generator(device, seed, VALIDATION_SAMPLE)
    zero = torch.zeros((), device=device)
    loss = error = repeat = guess = zero
    windows = sum(len(batch.state) for batch in batches)
    for batch in batches:
        target, share = batch.target(model.predicts), len(batch.state) / windows
        loss += share * model.loss(batch.context, target, noise).float()
        error += share * (model.sample(batch.context, sampler, sampling) - target).square().mean()
        guess += share * (model.guess(batch.context) - target).square().mean()
        repeat += share * (batch.last(model.predicts) - target).square().mean()
    errors = {"validation_error": error, "guess_error": guess, "repeat_error": repeat}
    return {"validation_loss": loss, **errors}
