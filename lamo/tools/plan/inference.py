"""Units of work of the stages that only apply models: latents and rollouts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from lamo.nn.flops import Run, build
from lamo.predictors.flow.sampler import FlowSampler
from lamo.predictors.kinds import find_kind
from lamo.predictors.sampler import Sampler
from lamo.predictors.statistics import Statistics
from lamo.rollout.autoregressive import roll_motion, roll_state
from lamo.rollout.frozen_models import FrozenModels, Scene
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Window
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.jobs import samplers_of
from lamo.tools.plan.pieces import Pieces
from lamo.tools.plan.units import CPU, Unit, images
from lamo.training.device import mixed_precision


def inference_units(sizes: Sizes, pieces: Pieces, frames: int, windows: int) -> list[Unit]:
    """Units of stages 03 and 06: `frames` to encode in all, `windows` to roll out by every sampler and control."""
    config, batch = sizes.config, sizes.config.latents.batch
    make = lambda count: encoding(sizes, count)  # noqa: E731
    parts = ((batch, pieces.encode), (batch, pieces.inverse))
    units = [Unit("latents_encode", "batch of frames", frames / batch, batch, make, parts)]
    scenes, seeds = windows / sizes.plan.batch, len(config.predictors.seeds)
    for entry, sampler in samplers_of(config):
        units.append(_rollout_unit(sizes, pieces, entry, sampler, scenes * seeds))
    return [*units, _controls_unit(sizes, pieces, scenes)]


def _rollout_unit(sizes: Sizes, pieces: Pieces, entry: str, sampler: Sampler, times: float) -> Unit:
    plan = sizes.plan
    samples = plan.batch * (1 if sampler.deterministic else plan.samples)
    draws = samples * plan.steps
    # Affine in the integration steps, so one and two of them are counted in place of fifty.
    drawn: dict[Sampler, int] = {sampler: 1}
    if isinstance(sampler, FlowSampler):
        factors = {1: 2 - sampler.steps, 2: sampler.steps - 1}
        drawn = {replace(sampler, name="", label="", evaluations=0, steps=n): f for n, f in factors.items()}
    parts = [(draws * factor, pieces.sample(entry, one)) for one, factor in drawn.items()]
    parts += [(plan.batch * plan.length, pieces.encode), (samples * plan.history, pieces.inverse)]
    parts += [(draws if _predicts_motion(sizes, entry) else 0, pieces.advance), (draws, pieces.decode)]
    make = lambda count: rollout(sizes, entry, sampler, count)  # noqa: E731
    return Unit("rollouts_predict", f"{sampler.label}, batch of windows", times, plan.batch, make, tuple(parts))


def _predicts_motion(sizes: Sizes, entry: str) -> bool:
    return find_kind(sizes.config.predictors.entries[entry].kind).predicts == "motion"


def _controls_unit(sizes: Sizes, pieces: Pieces, times: float) -> Unit:
    # Three rollouts, of which constant_motion infers one motion; six scenes encoded; five methods decoded.
    batch, steps = sizes.plan.batch, sizes.plan.steps
    parts = (
        (6 * batch * sizes.plan.length, pieces.encode), ((2 * steps + 1) * batch, pieces.inverse),
        (3 * steps * batch, pieces.advance), (5 * steps * batch, pieces.decode),
    )  # fmt: skip
    make = lambda count: controls(sizes, count)  # noqa: E731
    return Unit("rollouts_controls", "batch of windows", times, batch, make, parts)


def encoding(sizes: Sizes, batch: int) -> Run:
    """Latent states and motion tokens of `batch` consecutive frames, as `lamo.midway.extraction` makes them."""
    model = build(sizes.make_midway).eval().requires_grad_(False)
    frames = images(sizes, batch)

    def run() -> None:
        with mixed_precision(CPU, sizes.config.latents.mixed_precision):
            z = model.encode(frames)
            # The pair that reaches over the border of the batch makes it as many pairs as frames.
            model.inverse(z, tuple(level.roll(-1, 0) for level in z))

    return run


class _Frames(ClipFrames):
    """Stands for the clips of a split: any window of them is the same blank frames."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    def read(self, windows: Sequence[Window], first: int, last: int) -> np.ndarray:
        return np.zeros((len(windows), last - first, *self.sizes.image, 3), dtype=np.uint8)


def _world(sizes: Sizes) -> FrozenModels:
    shape = sizes.geometry
    motion, state = torch.ones(shape.levels, shape.tokens, shape.motion_width), torch.ones(shape.state_width)
    midway, decoder = (build(sizes.make_midway), build(sizes.make_decoder))
    statistics = Statistics(motion, motion, state, state)
    return FrozenModels(
        midway.eval().requires_grad_(False), decoder.eval().requires_grad_(False), statistics,
        sizes.config.latents.levels, "teacher", CPU,
    )  # fmt: skip


def _scene(models: FrozenModels, sizes: Sizes, batch: int) -> Scene:
    windows = [Window(str(index), 0) for index in range(batch)]
    return Scene(models, _Frames(sizes), windows, sizes.plan.history, sizes.plan.steps)


def rollout(sizes: Sizes, entry: str, sampler: Sampler, batch: int) -> Run:
    """All samples of `batch` windows, as `lamo.rollout.autoregressive` rolls them out and decodes them."""
    models, predictor = _world(sizes), build(lambda: sizes.make_predictor(entry)).eval()
    roll = roll_motion if predictor.predicts == "motion" else roll_state
    samples = 1 if sampler.deterministic else sizes.plan.samples

    @torch.no_grad()
    def run() -> None:
        scene = _scene(models, sizes, batch)
        noise = [torch.Generator().manual_seed(index) for index in range(batch)]
        with mixed_precision(CPU, sizes.config.rollouts.mixed_precision):
            # The drift compares with the true states: all frames of the window are encoded.
            for _ in range(samples):
                for state in roll(scene, predictor, sampler, noise):
                    models.decoder(models.statistics.restore_state(state))

    return run


def controls(sizes: Sizes, batch: int) -> Run:
    """The controls that use the models (`lamo.rollout.controls`), each with scenes of its own, of `batch` windows."""
    models, steps = _world(sizes), sizes.plan.steps

    def drive(scene: Scene, motion_of: Scene, constant: bool) -> None:
        z = scene.z(scene.history)
        for step in range(steps):
            if step == 0 or not constant:
                motion = motion_of.motion(motion_of.history + step - constant)
            z = models.advance(z, motion)
            models.decoder(models.state(z))

    @torch.no_grad()
    def run() -> None:
        def scene() -> Scene:
            return _scene(models, sizes, batch)

        with mixed_precision(CPU, sizes.config.rollouts.mixed_precision):
            oracle, constant = scene(), scene()
            drive(oracle, oracle, False)
            drive(constant, constant, True)
            # shuffled_motion, which measures its drift against frames of its own.
            shuffled = scene()
            drive(shuffled, scene(), False)
            # decoder_ceiling and persistence_latent
            for one in (scene(), scene()):
                for _ in range(steps):
                    models.decoder(one.state(one.history))

    return run
