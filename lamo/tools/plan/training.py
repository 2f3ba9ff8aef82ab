"""Units of work of the stages that train: the Midway Network, the decoder, the predictors."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from lamo.decoder.training import DecoderTask
from lamo.images import normalise
from lamo.metrics.features.world import WorldNetTask
from lamo.midway.learning.augmentation import Augmentation
from lamo.midway.learning.dino import DinoTask
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.pretraining import PretrainingTask
from lamo.midway.learning.readout import PixelReadout
from lamo.midway.network import Midway, Role
from lamo.nn.flops import Run, build, with_fake_weights
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
    parts = len(training.unroll)
    unrolled = Counter(training.unroll[min(i * parts // training.steps, parts - 1)] for i in range(training.steps))
    for unroll, count in sorted(unrolled.items()):
        windows = max(1, 2 * training.batch // (unroll + 1))
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
    """A step of `lamo.midway.learning.training` on `batch` windows of `unroll` + 1 frames."""
    config = sizes.config.midway.training
    model = build(sizes.make_midway).train()
    frozen = model.form.pretrained
    model.student.requires_grad_(not frozen)
    objective = DynamicsObjective(model, _readout(sizes) if model.form.pixel_weight else None)
    draws = torch.Generator().manual_seed(0)
    dino, augment = _dino(sizes, model), Augmentation(config.augmentation, draws)
    frames = images(sizes, batch, unroll + 1)
    learn = _learner(model, *([dino.student_head] if dino else []))

    def encode(inputs: Tensor, role: Role) -> tuple[Tensor, ...]:
        with torch.set_grad_enabled(role == "student" and not frozen):
            levels = model.encode(inputs.flatten(0, 1), role)
        levels = tuple(level.unflatten(0, inputs.shape[:2]) for level in levels)
        return tuple(torch.cat([z, z.flip(1)]) for z in levels) if config.both_directions else levels

    def run() -> None:
        crops = dino.crops(frames, draws) if dino else []
        inputs = normalise(augment(frames))
        with mixed_precision(CPU, config.mixed_precision):
            targets = encode(inputs, "teacher")
            loss = objective(targets if frozen else encode(inputs, "student"), targets).total
            loss = loss + dino.loss(crops) if dino else loss
        learn(loss)

    return run


def _readout(sizes: Sizes) -> PixelReadout:
    encoder, pixels = sizes.midway.encoder, 3 * sizes.midway.encoder.patch**2
    return PixelReadout(torch.zeros(encoder.width, pixels), torch.zeros(pixels), sizes.geometry.grid, encoder.patch)


def _dino(sizes: Sizes, model: Midway) -> DinoTask | None:
    config = sizes.config.midway.training.dino
    if model.form.pretrained:
        return None
    with unset_fake_temporarily() as faking:
        where = torch.device("meta" if faking else "cpu")
        with where:
            task = DinoTask(model.student, model.teacher, config, where)
    if faking is not None:
        with_fake_weights(task.student_head)
        with_fake_weights(task.teacher_head)
        task.centre = torch.zeros(1, config.prototypes)
    return task


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
