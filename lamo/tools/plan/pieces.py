"""The smallest works that the applied models are made of: encode a frame, infer a motion, advance, decode, sample."""

from collections.abc import Callable
from functools import cached_property

import torch

from lamo.nn.flops import Make, Run, build
from lamo.predictors.cost import example
from lamo.predictors.sampler import Sampler
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.units import CPU, context, images
from lamo.training.device import mixed_precision


class Pieces:
    """Works of `batch` frames or windows each, without gradients. The same work is the same object every time that it
    is asked for, so that it is counted once."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._samples: dict[tuple[str, Sampler], Make] = {}

    @cached_property
    def encode(self) -> Make:
        """The latent state of a frame."""
        return lambda batch: self._apply(batch, lambda model, frames, z, motion: model.encode(frames))

    @cached_property
    def inverse(self) -> Make:
        """The motion tokens between two states."""
        return lambda batch: self._apply(batch, lambda model, frames, z, motion: model.inverse(z, z))

    @cached_property
    def step(self) -> Make:
        """The next state, of all levels."""
        return lambda batch: self._apply(batch, lambda model, frames, z, motion: model.step(z, motion))

    @cached_property
    def advance(self) -> Make:
        """The next state, of the levels that decoder and predictors see."""
        only = self.sizes.config.latents.levels
        return lambda batch: self._apply(batch, lambda model, frames, z, motion: model.step(z, motion, only=only))

    @cached_property
    def decode(self) -> Make:
        """The frame of a state."""

        def make(batch: int) -> Run:
            decoder = build(self.sizes.make_decoder).eval()
            state = context(self.sizes, batch)[2]
            return self._without_gradients(lambda: decoder(state))

        return make

    def sample(self, entry: str, sampler: Sampler) -> Make:
        """One draw of the predictor of an entry."""

        def make(batch: int) -> Run:
            predictor = build(lambda: self.sizes.make_predictor(entry)).eval()
            given = example(predictor.geometry, batch)[0]
            noise = torch.Generator().manual_seed(0)
            return self._without_gradients(lambda: predictor.sample(given, sampler, noise))

        return self._samples.setdefault((entry, sampler), make)

    def _apply(self, batch: int, use: Callable[..., object]) -> Run:
        model, shape = build(self.sizes.make_midway).eval(), self.sizes.geometry
        frames = images(self.sizes, batch)
        z = tuple(
            torch.randn(batch, 1 + shape.patches, self.sizes.midway.encoder.width) for _ in range(shape.levels + 1)
        )
        motion = torch.randn(batch, shape.levels, shape.tokens, shape.motion_width)
        return self._without_gradients(lambda: use(model, frames, z, motion))

    def _without_gradients(self, run: Run) -> Run:
        @torch.no_grad()
        def wrapped() -> object:
            with mixed_precision(CPU, self.sizes.config.rollouts.mixed_precision):
                return run()

        return wrapped
