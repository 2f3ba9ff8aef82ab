"""Training of one predictor on latents stores."""

import copy
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.config import PredictorConfig, PredictorTraining
from lamo.predictors.data import Batch, LatentWindows
from lamo.predictors.interface import Geometry, Predictor, Sampler
from lamo.stores.windows import ShuffledOrder
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.loader import Loader
from lamo.training.loop import Values, run_training
from lamo.training.optim import adamw, cosine, descend, set_learning_rate
from lamo.training.seed import generator, seed_everything

LOG = "log.parquet"
# Streams of random numbers of a training, told apart so that adding one leaves the others alone.
NOISE, VALIDATION, VALIDATION_SAMPLE, VALIDATION_WINDOWS = range(4)
VALIDATION_SAMPLERS = {"flow": "flow-5", "gmm": "gmm-mean", "state": "state-5"}


def train_predictor(
    config: PredictorConfig,
    geometry: Geometry,
    train: LatentWindows,
    validation: LatentWindows,
    seed: int,
    folder: str | Path,
    device: torch.device,
    workers: int = 0,
) -> Predictor:
    """Trains one predictor and writes model.safetensors, config.json and log.parquet into `folder`.

    `workers` processes read ahead (see `Loader`). The log holds loss, gradient norm, learning rate, samples per second,
    the share of the time spent on waiting for data and, at validations (on the averaged weights and clean contexts),
    validation_loss, validation_error (mean squared error of one sample per window, in variances of the target) and
    repeat_error (the same for repeating the last observed value: a predictor above it has learnt nothing yet).

    Returns:
        The predictor that was saved: the moving average of the weights if ema_decay is not 0.

    Raises:
        LamoError: the loss is not finite, or config and geometry disagree.
    """
    settings = config.head.training
    seed_everything(seed)
    model = build_predictor(config, geometry).to(device)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    checks = _validation_batches(validation, settings, seed, device)
    draws = islice(ShuffledOrder(len(train), seed).batches(settings.batch), settings.steps)
    with Loader(train.read, draws, workers) as rows:
        batches = (train.normalise(read, device) for read in rows)
        trainer = _Trainer(model, average, settings, batches, seed, device)
        log = run_training(
            trainer.step, settings.steps, settings.batch, f"{config.name} seed {seed}",
            validate=lambda: validate(average, checks, seed, device), validate_every=settings.validation_every,
            waited=lambda: rows.waited_s,
        )  # fmt: skip
    save_predictor(folder, average, config, geometry)
    log.write(Path(folder) / LOG)
    return average


class _Trainer:
    """One optimiser step after the other, on random windows."""

    def __init__(
        self, model: Predictor, average: Predictor, settings: PredictorTraining, batches: Iterator[Batch],
        seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self.model, self.average, self.settings = model.train(), average, settings
        self.batches, self.device = batches, device
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = adamw([model], settings.learning_rate, settings.weight_decay)
        self.noise = generator(device, seed, NOISE)

    def step(self, index: int) -> Values:
        """Trains once; returns the values to log."""
        settings = self.settings
        rate = cosine(
            index, settings.steps, settings.learning_rate, settings.final_learning_rate, settings.warmup_steps
        )
        set_learning_rate(self.optimizer, rate)
        batch = next(self.batches)
        with mixed_precision(self.device, settings.bf16):
            loss = self.model.loss(batch.context, batch.target(self.model.predicts), self.noise)
        norm = descend(self.optimizer, loss, self.parameters, settings.clip_gradient or math.inf)
        # A short memory at first, or the initial weights would linger in the average of a short training.
        update_ema(self.average, self.model, min(settings.ema_decay, (1 + index) / (10 + index)))
        return {"loss": loss.detach(), "gradient_norm": norm, "learning_rate": rate}


def _validation_batches(
    windows: LatentWindows, settings: PredictorTraining, seed: int, device: torch.device
) -> list[Batch]:
    """The same few batches at every validation, spread over all clips and never one window twice."""
    count = min(len(windows), settings.batch * settings.validation_batches)
    order = torch.randperm(len(windows), generator=generator(torch.device("cpu"), seed, VALIDATION_WINDOWS))[:count]
    return [windows.batch(indices.numpy(), device) for indices in order.split(settings.batch)]


@torch.no_grad()
def validate(model: Predictor, batches: list[Batch], seed: int, device: torch.device) -> Values:
    """Loss and one-step error on `batches`, with the same random numbers every time."""
    sampler = Sampler.parse(VALIDATION_SAMPLERS[model.name])
    noise, sampling = generator(device, seed, VALIDATION), generator(device, seed, VALIDATION_SAMPLE)
    loss = error = repeat = 0.0
    windows = sum(len(batch.state) for batch in batches)
    for batch in batches:
        target, share = batch.target(model.predicts), len(batch.state) / windows
        loss += share * model.loss(batch.context, target, noise).float()
        error += share * (model.sample(batch.context, sampler, sampling) - target).square().mean()
        repeat += share * (batch.last(model.predicts) - target).square().mean()
    return {"validation_loss": loss, "validation_error": error, "repeat_error": repeat}
