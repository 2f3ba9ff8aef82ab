"""The trainings of a run as pieces of model work: steps of the stages' own tasks."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from lamo.decoder.training import DecoderTask
from lamo.metrics.features.world import WorldNetTask
from lamo.metrics.features.world import optimisation as features_optimisation
from lamo.midway.learning.dynamics import DynamicsTask
from lamo.midway.learning.pretraining import PretrainingTask, optimisation
from lamo.midway.learning.readout import PixelReadout
from lamo.nn.flops import Run, build
from lamo.predictors.end_to_end import EndToEndConfig
from lamo.predictors.kinds import find_kind
from lamo.predictors.train import PredictorTask
from lamo.rollout.end_to_end import EndToEndTask
from lamo.rollout.frozen_models import LatentModels
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.pieces import Piece
from lamo.training.config import OptimisationConfig
from lamo.training.fit import Optimisation, Task

CPU = torch.device("cpu")
# The very first step can be less work than the others: DINO's prototypes are frozen then.
TYPICAL = 1
Steps = dict[Piece, float]
"""How often each kind of step is taken."""


def midway_steps(sizes: Sizes) -> Steps:
    """Of the pre-training and of the training of the dynamics."""
    training = sizes.config.midway.training
    first = optimisation(training)
    steps: Steps = {}
    if sizes.midway.made_of().pretrained and training.start is None:
        steps |= _steps("pre-training", first, lambda: PretrainingTask(build(sizes.make_midway).student, first, CPU))
    kinds = Counter((training.unroll_at(index), training.windows_at(index)) for index in range(training.steps))
    for (unroll, windows), count in sorted(kinds.items()):
        make = lambda rows, unroll=unroll: _step(lambda: dynamics_task(sizes), rows, unroll=unroll)  # noqa: E731
        steps[Piece(f"dynamics, {unroll} unrolled", windows, make)] = count
    return steps


def dynamics_task(sizes: Sizes) -> DynamicsTask:
    """The training of the dynamics of the Midway Network."""
    model = build(sizes.make_midway).train()
    model.student.requires_grad_(not model.form.pretrained)
    encoder = sizes.midway.encoder
    pixels = 3 * encoder.patch**2
    readout = PixelReadout(torch.zeros(encoder.width, pixels), torch.zeros(pixels), sizes.geometry.grid, encoder.patch)
    return DynamicsTask(model, sizes.config.midway.training, readout if model.form.pixel_weight else None, 0)


def decoder_steps(sizes: Sizes) -> Steps:
    """Of the training of the decoder."""
    return _steps("decoder", sizes.config.decoder.training, lambda: decoder_task(sizes))


def decoder_task(sizes: Sizes) -> DecoderTask:
    """The training of the decoder."""
    shape = sizes.geometry
    return DecoderTask(sizes.config.decoder, shape.state_width, shape.grid, sizes.midway.encoder.patch, CPU)


def features_steps(sizes: Sizes) -> Steps:
    """Of the training of the features of the Frechet distance."""
    settings = features_optimisation(sizes.config.metrics.world_features.training)
    return _steps("features", settings, lambda: features_task(sizes))


def features_task(sizes: Sizes) -> WorldNetTask:
    """The training of the features; real ones have a few outputs more, which do not count beside the convolutions."""
    return WorldNetTask(sizes.config.metrics.world_features, sizes.image, 1, CPU)


def predictor_steps(sizes: Sizes, entry: str) -> Steps:
    """Of the training of a predictor."""
    settings = sizes.config.predictors.of(entry).settings.training
    return _steps(entry, settings, lambda: predictor_task(sizes, entry))


def predictor_task(sizes: Sizes, entry: str) -> PredictorTask:
    """The training of a predictor."""
    settings = sizes.config.predictors.of(entry).settings.training
    model = build(lambda: sizes.make_predictor(entry))
    return PredictorTask(entry, model, model.geometry, sizes.statistics, settings, 0, CPU)


def end_to_end_steps(sizes: Sizes, entry: str) -> Steps:
    """Of the training of a predictor together with the forward dynamics."""
    settings = sizes.config.predictors.entries[entry].end_to_end
    assert settings is not None
    return _steps(entry, settings, lambda: end_to_end_task(sizes, entry, settings))


def end_to_end_task(sizes: Sizes, entry: str, settings: EndToEndConfig) -> EndToEndTask:
    """The training of a predictor together with the forward dynamics."""
    networks = [build(sizes.make_midway).eval().requires_grad_(False) for _ in range(2)]
    models = LatentModels(networks[0], sizes.statistics, sizes.config.latents.levels, CPU)
    predictor = build(lambda: sizes.make_predictor(entry)).eval().requires_grad_(False)
    sampler = find_kind(sizes.config.predictors.entries[entry].kind).parse(settings.sampler)
    rate_hz = sizes.config.frames.rate_hz
    return EndToEndTask(entry, models, networks[1], predictor, sampler, settings, rate_hz, 0)


def _steps(name: str, config: OptimisationConfig, make: Callable[[], Task[Any]]) -> Steps:
    return {Piece(name, config.batch, lambda rows: _step(make, rows)): config.steps}


def _step(make: Callable[[], Task[Any]], rows: int, **kind: int) -> Run:
    """What takes a step on example rows; `kind` is for the task's `example_rows`."""
    task = make()
    optimisation = Optimisation(task)
    examples = task.example_rows(rows, **kind)
    return lambda: optimisation.step(TYPICAL, examples, rows)
