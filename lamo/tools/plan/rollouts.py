"""How often a rollout calls each model, counted while the rollout's own code runs on models that compute nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO

import numpy as np
import torch
from torch import Tensor

from lamo.predictors.interface import Context, Predictor, Randomness
from lamo.predictors.sampler import Sampler
from lamo.rollout.autoregressive import Plan, roll_out
from lamo.rollout.control_names import CONTROLS
from lamo.rollout.controls import roll_out_control
from lamo.rollout.frozen_models import FrozenModels
from lamo.rollout.likelihood import likelihood
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Rollouts, Window
from lamo.tools.plan.geometry import Sizes

Calls = dict[str, float]
"""Rows given to `encode`, `inverse`, `advance`, `decode`, `sample` and `density` for one window."""
# Of two clips, between which shuffled_motion can exchange tokens.
WINDOWS = [Window("a", 0), Window("b", 0)]


def predictor_calls(sizes: Sizes, entry: str, label: str, samples: int) -> Calls:
    """Of that many samples of a window that a sampler of a predictor draws."""
    plan = replace(sizes.plan, samples=samples)

    def work(models: "_Models", clips: ClipFrames) -> Rollouts:
        return roll_out(models.frozen, models.predictor(entry), sizes.sampler(entry, label), clips, WINDOWS, plan)

    return _counted(sizes, plan, work)


def likelihood_calls(sizes: Sizes, entry: str, label: str) -> Calls:
    """Of the likelihood at the horizons of what came next, under what that sampler draws from."""

    def work(models: "_Models", clips: ClipFrames) -> object:
        sampler, at = sizes.sampler(entry, label), sizes.horizon_steps
        return likelihood(models.frozen, models.predictor(entry), sampler, clips, WINDOWS, sizes.plan, at)

    return _counted(sizes, sizes.plan, work)


def control_calls(sizes: Sizes) -> Calls:
    """Of all controls together."""
    total: Counter[str] = Counter()
    for name in CONTROLS:
        sigmas = [0.0] * sizes.plan.steps

        def work(models: "_Models", clips: ClipFrames, name: str = name, sigmas: list[float] = sigmas) -> Rollouts:
            return roll_out_control(name, models.frozen, clips, WINDOWS, sizes.plan, sigmas)

        total.update(_counted(sizes, sizes.plan, work))
    return dict(total)


def _counted(sizes: Sizes, plan: Plan, work: Callable[["_Models", ClipFrames], object]) -> Calls:
    models = _Models(sizes, plan)
    with redirect_stderr(StringIO()):  # the bar of two windows would say nothing
        work(models, _Blank(sizes))
    return {name: rows / len(WINDOWS) for name, rows in models.rows.items()}


class _Blank(ClipFrames):
    """Stands for the clips of a split: every window shows blank frames."""

    def __init__(self, sizes: Sizes) -> None:
        self.image = sizes.image

    def read(self, windows: Sequence[Window], first: int, last: int) -> np.ndarray:
        return np.zeros((len(windows), last - first, *self.image, 3), dtype=np.uint8)


class _Models:
    """Stand for the Midway Network and the decoder; count the rows that they are given and return random numbers."""

    def __init__(self, sizes: Sizes, plan: Plan) -> None:
        self.sizes = sizes
        self.rows: Counter[str] = Counter()
        self.frozen = FrozenModels(
            dynamics=self, decoder=self.decode, statistics=sizes.statistics,
            levels=sizes.config.latents.levels, device=torch.device("cpu"),
        )  # fmt: skip

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        self.rows["encode"] += len(images)
        tokens = (len(images), 1 + self.sizes.geometry.patches, self.sizes.midway.encoder.width)
        return tuple(torch.randn(tokens) for _ in range(1 + self.sizes.geometry.levels))

    def inverse(self, z_source: tuple[Tensor, ...], z_target: tuple[Tensor, ...]) -> Tensor:
        self.rows["inverse"] += len(z_source[0])
        return self._motion(len(z_source[0]))

    def step(self, z: tuple[Tensor, ...], motion: Tensor, only: Sequence[int] | None = None) -> tuple[Tensor, ...]:
        self.rows["advance"] += len(motion)
        return z

    def decode(self, state: Tensor) -> Tensor:
        self.rows["decode"] += len(state)
        return torch.zeros(len(state), 3, *self.sizes.image)

    def predictor(self, entry: str) -> Predictor:
        """Stands for a trained predictor: without numbers in its weights, which sampling does not read."""
        with torch.device("meta"):
            predictor = self.sizes.make_predictor(entry)

        def sample(context: Context, sampler: Sampler, generator: Randomness) -> Tensor:
            rows = len(context.states)
            self.rows["sample"] += rows
            shape = self.sizes.geometry
            state = (rows, shape.patches, shape.state_width)
            return self._motion(rows) if predictor.predicts == "motion" else torch.randn(state)

        def density(context: Context, target: Tensor, sampler: Sampler, generator: Randomness) -> Tensor:
            self.rows["density"] += len(target)
            return torch.zeros(len(target))

        predictor.sample = sample  # type: ignore[method-assign]
        predictor.log_density = density  # type: ignore[method-assign]
        return predictor

    def _motion(self, rows: int) -> Tensor:
        shape = self.sizes.geometry
        return torch.randn(rows, shape.levels, shape.tokens, shape.motion_width)
