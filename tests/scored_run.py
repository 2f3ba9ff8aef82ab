"""A small made-up run that the tests of scores, tables and pictures share."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lamo.metrics.config import MetricsConfig
from lamo.metrics.scores import RolloutSet, Scores, score_rollouts
from lamo.stores.rollouts import Likelihood, Rollouts, Window


class GridFeatures:
    """Means of the frame's quarters, per channel: 12 features without training."""

    metric = "fd_grid"
    description = "Frechet distance on 12 means; not FID."

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        n, height, width, _ = frames.shape
        return frames.reshape(n, 2, height // 2, 2, width // 2, 3).mean(axis=(2, 4)).reshape(n, -1).astype(np.float32)


@dataclass(frozen=True)
class Run:
    """8 windows of 4 clips, 8 steps of 12 x 16 pixels."""

    context: np.ndarray
    truth: Rollouts
    sets: list[RolloutSet]
    config: MetricsConfig
    extractor: GridFeatures
    rate_hz: float = 5.0

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        return {one.label: one.rollouts.frames[:, 0] for one in self.sets}

    def score(self, **changes) -> Scores:
        given = {"sets": self.sets, "truth": self.truth, "config": self.config} | changes
        return score_rollouts(given["sets"], given["truth"], self.rate_hz, self.extractor, given["config"])


@pytest.fixture(scope="session")
def run() -> Run:
    generator = np.random.default_rng(0)
    drift = gaussian_filter(generator.uniform(0, 255, (16, 12, 12, 16, 3)), (0, 1, 1, 1, 0), mode="wrap")
    video = (128 + 4 * (drift - 127.5)).clip(0, 255).astype(np.uint8)
    context, truth = video[:, :4], video[:, 4:]
    windows = [Window(f"clip-{i // 2}", 5 * (i % 2)) for i in range(16)]

    def rollouts(noise: float, samples: int, drift: float = np.nan, likelihood: str = "") -> Rollouts:
        steps = np.arange(1, 9)[None, None, :, None, None, None] ** 0.5
        frames = truth[:, None] + noise * steps * generator.normal(size=(16, samples, *truth.shape[1:]))
        latent = np.full((16, samples, 8), drift, np.float32)
        spread = 0.4 * latent[:, 0] if samples > 1 else np.full((16, 8), np.nan, np.float32)
        known = (
            Likelihood(likelihood, np.linspace(0, noise, 16 * 8, dtype=np.float32).reshape(16, 8))
            if likelihood
            else None
        )
        predicted = frames.clip(0, 255).astype(np.uint8)
        return Rollouts(predicted, latent, 0.5 * latent, spread, windows, samples == 1, known)

    sets = [
        RolloutSet("persistence_pixels", "-", None, rollouts(30, 1)),
        RolloutSet("gmm", "gmm", 0, rollouts(9, 2, 1.1, "state")),
    ]
    sets += [RolloutSet("flow", "flow-20", seed, rollouts(4, 2, 1.0, "motion")) for seed in (1, 0)]
    sets += [RolloutSet("flow", "flow-5", seed, rollouts(6, 2, 1.0, "motion")) for seed in (0, 1)]
    sets += [
        RolloutSet("decoder_ceiling", "-", None, rollouts(1, 1)),
        RolloutSet("oracle_motion", "-", None, rollouts(2, 1)),
    ]
    right = np.ones((16, 1, 8), np.float32)
    true = Rollouts(truth[:, None], right, 0 * right, np.nan * right[:, 0], windows, deterministic=True)
    config = MetricsConfig.model_validate({"bootstrap": {"resamples": 200, "frechet_groups": 50}})
    return Run(context, true, sets, config, GridFeatures())


@pytest.fixture(scope="session")
def scores(run) -> Scores:
    return run.score()
