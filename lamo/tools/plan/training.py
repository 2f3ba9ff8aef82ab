"""Units of work of the stages that train: the Midway Network, the decoder, the predictors."""

import itertools
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from lamo.decoder.training import DecoderTask
from lamo.images import normalise
from lamo.midway.learning.augmentation import Augmentation
from lamo.midway.learning.config import VALIDATED_STEPS
from lamo.midway.learning.dino import DinoTask
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.pretraining import PretrainingTask
from lamo.midway.learning.readout import FIT_FRAMES, PixelReadout
from lamo.midway.learning.validation import WINDOWS
from lamo.midway.network import Midway
from lamo.nn.flops import Make, Run, build, with_fake_weights
from lamo.predictors.cost import example
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.pieces import Pieces
from lamo.tools.plan.units import CPU, Unit, images
from lamo.training.device import mixed_precision
from lamo.training.fit import Optimisation
from lamo.training.optim import adamw, descend


def training_units(sizes: Sizes, pieces: Pieces) -> list[Unit]:
    """Units of stages 02, 04 and 05: a step of every training, and the validations of the dynamics."""
    config = sizes.config
    units = [] if config.midway.checkpoint else _midway_units(sizes, pieces)
    decoder = config.decoder.training
    units.append(Unit("decoder_train", "step", decoder.steps, decoder.batch, lambda batch: decoder_step(sizes, batch)))
    for name in config.predictors.entries:
        training = config.predictors.of(name).settings.training
        times = training.steps * len(config.predictors.seeds)
        make = lambda batch, name=name: predictor_step(sizes, name, batch)  # noqa: E731
        # Not every window of a batch need take as many operations (`shortcut_share` of a flow).
        whole = lambda _, make=make, batch=training.batch: make(batch)  # noqa: E731
        units.append(Unit("predictors_train", f"{name}, step", times, training.batch, make, ((1, whole),)))
    return units


def _midway_units(sizes: Sizes, pieces: Pieces) -> list[Unit]:
    training, units = sizes.config.midway.training, []
    if sizes.midway.made_of().pretrained:
        first = training.pretraining
        make = lambda batch: pretraining_step(sizes, batch)  # noqa: E731
        units.append(Unit("midway_train", "pre-training, step", first.steps, first.batch, make))
    parts = len(training.unroll)
    unrolled = Counter(training.unroll[min(i * parts // training.steps, parts - 1)] for i in range(training.steps))
    for unroll, steps in sorted(unrolled.items()):
        windows = max(1, 2 * training.batch // (unroll + 1))
        make = lambda batch, unroll=unroll: dynamics_step(sizes, batch, unroll)  # noqa: E731
        units.append(Unit("midway_train", f"dynamics, {unroll} unrolled, step", steps, windows, make))
    every = training.validate_every
    times = 1 + ((training.steps - 2) // every if every else 0)
    make = lambda batch: validation(sizes, batch)  # noqa: E731
    return [*units, Unit("midway_train", "validation", times, WINDOWS, make, _validation_parts(sizes, pieces))]


def _validation_parts(sizes: Sizes, pieces: Pieces) -> tuple[tuple[int, Make], ...]:
    longest = max(VALIDATED_STEPS)
    encoded = WINDOWS * (longest + 1) + _fitted(sizes)
    return (encoded, pieces.encode), (WINDOWS * longest, pieces.inverse), (2 * WINDOWS * longest, pieces.step)


def _fitted(sizes: Sizes) -> int:
    """Frames that the readout of a validation is fitted on; once and for all if the encoder is frozen."""
    return 0 if sizes.midway.made_of().pretrained else FIT_FRAMES


def _learner(*modules: nn.Module) -> Callable[[Tensor], object]:
    """The backward pass and the optimiser's step for a loss."""
    optimizer = adamw(modules, 1e-4, 0.01)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return lambda loss: descend(optimizer, loss, parameters, 1.0)


def pretraining_step(sizes: Sizes, batch: int) -> Run:
    """A step of `lamo.midway.learning.pretraining`."""
    encoder = build(lambda: sizes.make_midway().student).train()
    task = PretrainingTask(encoder, sizes.config.midway.training.pretraining, CPU)
    optimisation, rows = Optimisation(task), task.example_rows(batch)
    return lambda: optimisation.step(0, rows, batch)


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

    def encode(inputs: Tensor, role: str) -> tuple[Tensor, ...]:
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


def validation(sizes: Sizes, batch: int) -> Run:
    """A validation of `batch` windows; the readout is fitted anew if the encoder trains."""
    model, longest = build(sizes.make_midway).eval(), max(VALIDATED_STEPS)
    fitted = _fitted(sizes) * batch // WINDOWS

    @torch.no_grad()
    def run() -> None:
        with mixed_precision(CPU, sizes.config.midway.training.mixed_precision):
            # The frames of all steps and of the readout, a batch at a time as there.
            states = [model.encode(images(sizes, batch)) for _ in range(longest + 1)]
            for begin in range(0, fitted, 64):
                model.encode(images(sizes, min(64, fitted - begin)))
            oracle = shuffled = states[0]
            for source, target in itertools.pairwise(states):
                motion = model.inverse(source, target)
                oracle, shuffled = model.step(oracle, motion), model.step(shuffled, motion)

    return run


def decoder_step(sizes: Sizes, batch: int) -> Run:
    """A step of `lamo.decoder.training`."""
    shape = sizes.geometry
    task = DecoderTask(sizes.config.decoder, shape.state_width, shape.grid, sizes.midway.encoder.patch, CPU)
    optimisation, rows = Optimisation(task), task.example_rows(batch)
    return lambda: optimisation.step(0, rows, batch)


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
