"""Units of work of the stages that train: the Midway Network, the decoder, the predictors."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lamo.decoder.training import DecoderTask
from lamo.metrics.features.world import WorldNetTask
from lamo.midway.learning.dynamics import DynamicsTask
from lamo.midway.learning.pretraining import PretrainingTask
from lamo.midway.learning.readout import PixelReadout
from lamo.nn.flops import Run, build
from lamo.predictors.cost import example
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.pieces import Piece
from lamo.training.device import mixed_precision
from lamo.training.fit import Optimisation, Task
from lamo.training.optim import adamw, descend

CPU = torch.device("cpu")


def midway_steps(sizes: Sizes) -> dict[Piece, float]:
    """Of the pre-training and of the training of the dynamics."""
    training = sizes.config.midway.training
    first = training.pretraining
    steps: dict[Piece, float] = {}
    if sizes.midway.made_of().pretrained:
        make_first = lambda: PretrainingTask(build(sizes.make_midway).student, first, CPU)  # noqa: E731
        steps[Piece("pre-training, step", first.batch, lambda batch: step_of(make_first, batch))] = first.steps
    unrolled = Counter((training.unroll_at(step), training.windows_at(step)) for step in range(training.steps))
    for (unroll, windows), count in sorted(unrolled.items()):
        make = lambda batch, unroll=unroll: dynamics_step(sizes, batch, unroll)  # noqa: E731
        steps[Piece(f"dynamics, {unroll} unrolled, step", windows, make)] = count
    return steps


def decoder_steps(sizes: Sizes) -> dict[Piece, float]:
    """Of the training of the decoder."""
    config = sizes.config.decoder
    shape = sizes.geometry
    make = lambda: DecoderTask(config, shape.state_width, shape.grid, sizes.midway.encoder.patch, CPU)  # noqa: E731
    return {Piece("decoder, step", config.training.batch, lambda batch: step_of(make, batch)): config.training.steps}


def predictor_steps(sizes: Sizes, entry: str) -> dict[Piece, float]:
    """Of the training of a predictor."""
    training = sizes.config.predictors.of(entry).settings.training
    return {Piece(f"{entry}, step", training.batch, lambda batch: predictor_step(sizes, entry, batch)): training.steps}


def features_steps(sizes: Sizes) -> dict[Piece, float]:
    """Of the training of the features of the Frechet distance."""
    config = sizes.config.metrics.world_features
    # It has some outputs more, which do not count beside its convolutions.
    make = lambda: WorldNetTask(config, sizes.image, 1, CPU)  # noqa: E731
    return {Piece("features, step", config.training.batch, lambda batch: step_of(make, batch)): config.training.steps}


def images(sizes: Sizes, *leading: int) -> Tensor:
    """Random images [..., 3, H, W] in 0..1."""
    return torch.rand(*leading, 3, *sizes.image)


def _learner(*modules: nn.Module) -> Callable[[Tensor], object]:
    """The backward pass and the optimiser's step for a loss."""
    optimizer = adamw(modules, 1e-4, 0.01)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return lambda loss: descend(optimizer, loss, parameters, 1.0)


def dynamics_step(sizes: Sizes, batch: int, unroll: int) -> Run:
    """A step of the dynamics on `batch` windows of `unroll` + 1 frames."""
    config = sizes.config.midway.training
    model = build(sizes.make_midway).train()
    model.student.requires_grad_(not model.form.pretrained)
    task = DynamicsTask(model, config, _readout(sizes) if model.form.pixel_weight else None, 0)
    optimisation = Optimisation(task)
    rows = task.example_rows(batch, unroll)
    # The last step, at which nothing is frozen any more.
    return lambda: optimisation.step(config.steps - 1, rows, batch)


def _readout(sizes: Sizes) -> PixelReadout:
    encoder, pixels = sizes.midway.encoder, 3 * sizes.midway.encoder.patch**2
    return PixelReadout(torch.zeros(encoder.width, pixels), torch.zeros(pixels), sizes.geometry.grid, encoder.patch)


def step_of(make: Callable[[], Task[Any]], batch: int, index: int = 0) -> Run:
    """What takes a step of a training, on example rows."""
    task = make()
    optimisation = Optimisation(task)
    rows = task.example_rows(batch)
    return lambda: optimisation.step(index, rows, batch)


def predictor_step(sizes: Sizes, name: str, batch: int) -> Run:
    """A step of `lamo.predictors.train`."""
    training = sizes.config.predictors.of(name).settings.training
    model, noise = build(lambda: sizes.make_predictor(name)).train(), torch.Generator().manual_seed(0)
    given, motion, state = example(model.geometry, batch)
    target, learn = motion if model.predicts == "motion" else state, _learner(model)

    def run() -> None:
        with mixed_precision(CPU, training.mixed_precision):
            loss = model.loss(given, target, noise)
        learn(loss)

    return run
