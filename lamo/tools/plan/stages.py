"""Pieces of model work: steps of the stages' trainings, and calls of the models that they apply."""

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from lamo.nn.flops import Run, build
from lamo.predictors.cost import example
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.pieces import Piece
from lamo.training.device import mixed_precision

CPU = torch.device("cpu")


class Pieces:
    """Calls of trained models, each of a batch of rows; the same call is the same piece every time it is asked for."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.piece = cache(self._piece)

    def of(self, calls: Mapping[str, float], batch: int, drawn: tuple[str, str] | None = None) -> dict[Piece, float]:
        """Pieces for so many rows of each call (see `lamo.tools.plan.rollouts`), in batches of `batch` rows.

        `drawn`: predictor and label of the sampler that `sample` and `density` are calls of.
        """
        return {
            self.piece(name, batch, drawn if name in ("sample", "density") else None): rows / batch
            for name, rows in calls.items()
        }

    def _piece(self, name: str, batch: int, drawn: tuple[str, str] | None) -> Piece:
        if drawn:
            call = self._sample if name == "sample" else self._density
            return Piece(f"{name} of {drawn[1]}", batch, lambda rows: call(*drawn, rows))
        return Piece(name, batch, lambda rows: self._without_gradients(getattr(self, f"_{name}")(rows)))

    def _sample(self, entry: str, label: str, rows: int) -> Run:
        predictor = build(lambda: self.sizes.make_predictor(entry)).eval()
        context = example(predictor.geometry, rows)[0]
        sampler = self.sizes.sampler(entry, label)
        noise = torch.Generator().manual_seed(0)
        return self._without_gradients(lambda: predictor.sample(context, sampler, noise))

    def _density(self, entry: str, label: str, rows: int) -> Run:
        predictor = build(lambda: self.sizes.make_predictor(entry)).eval()
        context, motion, state = example(predictor.geometry, rows)
        target = motion if predictor.predicts == "motion" else state
        sampler = self.sizes.sampler(entry, label)
        noise = torch.Generator().manual_seed(0)
        return self._without_gradients(lambda: predictor.log_density(context, target, sampler, noise))

    def _encode(self, rows: int) -> Run:
        model = build(self.sizes.make_midway).eval()
        images = torch.rand(rows, 3, *self.sizes.image)
        return lambda: model.encode(images)

    def _inverse(self, rows: int) -> Run:
        model = build(self.sizes.make_midway).eval()
        z = self._pyramid(rows)
        return lambda: model.inverse(z, z)

    def _advance(self, rows: int) -> Run:
        model = build(self.sizes.make_midway).eval()
        z = self._pyramid(rows)
        shape = self.sizes.geometry
        motion = torch.randn(rows, shape.levels, shape.tokens, shape.motion_width)
        return lambda: model.step(z, motion, only=self.sizes.config.latents.levels)

    def _decode(self, rows: int) -> Run:
        decoder = build(self.sizes.make_decoder).eval()
        shape = self.sizes.geometry
        state = torch.randn(rows, shape.patches, shape.state_width)
        return lambda: decoder(state)

    def _pyramid(self, rows: int) -> tuple[Tensor, ...]:
        shape = self.sizes.geometry
        tokens = (rows, 1 + shape.patches, self.sizes.midway.encoder.width)
        return tuple(torch.randn(tokens) for _ in range(shape.levels + 1))

    def _without_gradients(self, run: Run) -> Run:
        @torch.no_grad()
        def wrapped() -> object:
            with mixed_precision(CPU, self.sizes.config.rollouts.mixed_precision):
                return run()

        return wrapped
