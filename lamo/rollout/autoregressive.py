"""Autoregressive rollouts of predictors (paper 4.6) and the loop over windows that the controls share.

Shapes: W windows, B of them in a batch, S samples, T steps, K history, P patches, D_z state width.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.predictors.interface import Predictor, Sampler
from lamo.progress import Bar
from lamo.rollout.frozen_models import FrozenModels, Scene
from lamo.rollout.latent_scores import LatentScores, latent_scores, no_latent_scores
from lamo.rollout.roll import roll
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Rollouts, Window
from lamo.training.device import mixed_precision
from lamo.training.seed import generator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is common to all rollouts of a run.

    Attributes:
        history: the longest of the run, K; K + 1 frames are observed.
        steps: frames to predict, T.
        samples: futures per window, S.
        batch: windows at once; does not change the result beyond the rounding of matrix products.
        seed: seed of the sampling.
        mixed_precision: bfloat16 autocast instead of float32.
    """

    history: int
    steps: int
    samples: int
    batch: int
    seed: int
    mixed_precision: bool = False

    @property
    def length(self) -> int:
        """Frames of a window, observed and predicted."""
        return self.history + 1 + self.steps


@dataclass(frozen=True)
class Future:
    """Predictions for a batch: frames uint8 [B, T, H, W, 3] and normalised states [B, T, P, D_z], None where a method
    has none."""

    frames: np.ndarray
    states: Tensor | None


# Predicts one future of every window of a scene; the second argument is the number of the sample.
Method = Callable[[Scene, int], Future]


def window_generator(seed: int, window: Window, sample: int) -> Generator:
    """The random numbers of one sample of one window.

    Keyed by clip id, start and sample alone: they depend neither on the batch nor on which other windows there are. On
    the CPU, so that every device is given the same numbers.
    """
    digest = hashlib.sha256(f"{window.clip_id}\n{window.start}".encode()).digest()
    return generator(torch.device("cpu"), seed, int.from_bytes(digest[:8], "big"), sample)


def decode_states(scene: Scene, states: Sequence[Tensor], method: str) -> Future:
    """Frames of T normalised states [B, P, D_z].

    Raises:
        LamoError: a state is not finite.
    """
    for step, state in enumerate(states, start=1):
        bad = ~state.isfinite().flatten(1).all(1)
        if bad.any():
            window = scene.windows[int(bad.nonzero()[0])]
            raise LamoError(
                f"{method}: the state at step {step} of the window at frame {window.start} of clip {window.clip_id} is "
                "not finite; the rollout diverged, train the predictor (or Midway) longer or at a lower learning rate"
            )
    frames = np.stack([scene.models.pixels(state) for state in states], axis=1)
    return Future(frames, torch.stack(list(states), dim=1))


def predictor_method(predictor: Predictor, sampler: Sampler, seed: int) -> Method:
    """The rollout of a trained predictor as a `Method`."""

    def method(scene: Scene, sample: int) -> Future:
        generators = [window_generator(seed, window, sample) for window in scene.windows]
        future = roll(scene.models, scene.start(), predictor, sampler, generators)
        return decode_states(scene, [future.step() for _ in range(scene.steps)], sampler.label)

    return method


@torch.inference_mode()
def run_windows(
    method: Method,
    models: FrozenModels,
    clips: ClipFrames,
    windows: Sequence[Window],
    plan: Plan,
    name: str,
    deterministic: bool,
) -> Rollouts:
    """Applies `method` to all windows, batch by batch, with a progress bar; latent states are kept for a batch only.

    A method that is `deterministic` gives one future of each window, any other as many as the plan says.
    """
    frames, scores = [], []
    samples = 1 if deterministic else plan.samples
    with Bar(total=len(windows), desc=name, unit="window", mininterval=2.0) as bar:
        for begin in range(0, len(windows), plan.batch):
            scene = Scene(models, clips, windows[begin : begin + plan.batch], plan.history, plan.steps)
            with mixed_precision(models.device, plan.mixed_precision):
                drawn = [method(scene, sample) for sample in range(samples)]
                frames.append(np.stack([future.frames for future in drawn], axis=1))
                scores.append(_latent_scores(scene, drawn))
            bar.update(len(scene.windows))
    drift, error, spread = (
        np.concatenate([getattr(one, name) for one in scores]) for name in ("drift", "error", "spread")
    )
    median = float(np.median(drift[..., -1]))
    logger.info("%s: %d windows, median drift at the last step %.3f", name, len(windows), median)
    return Rollouts(np.concatenate(frames), drift, error, spread, list(windows), deterministic)


def _latent_scores(scene: Scene, drawn: Sequence[Future]) -> LatentScores:
    states = [future.states for future in drawn if future.states is not None]
    if not states:
        return no_latent_scores(len(scene.windows), len(drawn), scene.steps)
    return latent_scores(states, scene.true_states())


def roll_out(
    models: FrozenModels,
    predictor: Predictor,
    sampler: Sampler,
    clips: ClipFrames,
    windows: Sequence[Window],
    plan: Plan,
) -> Rollouts:
    """Rolls a trained predictor out from every window.

    Returns:
        frames [W, S, T, H, W, 3] and what is known of their latent states; S is 1 for a sampler without chance.

    Raises:
        LamoError: the predictor does not know the sampler, a window reaches beyond its clip, or a state is not finite.
    """
    method = predictor_method(predictor, sampler, plan.seed)
    return run_windows(method, models, clips, windows, plan, sampler.label, sampler.deterministic)
