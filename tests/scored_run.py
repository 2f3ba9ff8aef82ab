"""A small made-up run that the tests of scores, tables and pictures share."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lamo.metrics.config import MetricsConfig
from lamo.metrics.features.extractor import Extractors
from lamo.metrics.long_form import Scores
from lamo.metrics.scores import RolloutSet, score_row
from lamo.metrics.summary import summarise
from lamo.stores.rollouts import Likelihood, Rollouts, Window


class GridFeatures:
    """Means of the frame's halves, per channel: 6 features without training, fewer than windows without a seed."""

    metric = "fd_grid"
    description = "Frechet distance on 6 means; not FID."

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        n, height, width, _ = frames.shape
        return frames.reshape(n, 2, height // 2, width, 3).mean(axis=(2, 3)).reshape(n, -1).astype(np.float32)


class ColourFeatures:
    """The frame's mean colour."""

    metric = "fd_world"
    description = "Frechet distance on 3 means."

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return frames.mean(axis=(1, 2)).astype(np.float32)


EXTRACTORS = Extractors(GridFeatures(), ColourFeatures())


@dataclass(frozen=True)
class Run:
    """16 windows of 8 clips, 8 steps of 12 x 16 pixels; the same windows have single futures, shared by the seeds."""

    context: np.ndarray
    truth: Rollouts
    sets: list[RolloutSet]
    config: MetricsConfig
    rate_hz: float = 5.0

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        return {one.label: one.rollouts.frames[:, 0] for one in self.sets}

    def score(self, **changes) -> Scores:
        given = {"sets": self.sets, "truth": self.truth, "single_truth": self.truth, "config": self.config} | changes
        return score_all(**given, rate_hz=self.rate_hz)


def score_all(sets, truth, single_truth, config, rate_hz, extractors=EXTRACTORS, lpips=None, clips=None) -> Scores:
    """Both steps of the scoring one after the other."""
    horizons = config.horizons_s
    scored = score_row(sets, truth, truth, rate_hz, extractors, horizons, lpips, clips)
    return summarise(scored, truth.windows, single_truth, rate_hz, extractors, horizons, config.bootstrap, clips)


def part(rollouts: Rollouts, windows: list[int], samples: int | None = None) -> Rollouts:
    """Some windows of rollouts, with the first samples only."""
    cut = {name: getattr(rollouts, name)[windows, :samples] for name in ("frames", "drift", "latent_error")}
    known = rollouts.likelihood
    kept = replace(known, nll=known.nll[windows]) if known else None
    spread = rollouts.latent_spread[windows] if samples != 1 else np.full((len(windows), 8), np.nan, np.float32)
    return replace(
        rollouts, **cut, latent_spread=spread, likelihood=kept, windows=[rollouts.windows[i] for i in windows]
    )


def cut(run: Run, windows: list[int]) -> dict[str, Any]:
    """What to score of some windows only; of one, with one training seed."""
    sets = []
    for one in run.sets:
        turns = len({other.seed for other in run.sets if other.label == one.label})
        own = windows[one.seed or 0 :: turns]
        if own:
            kept = part(one.rollouts, windows)
            sets.append(replace(one, rollouts=kept, single=part(one.rollouts, own, 1)))
    truth = part(run.truth, windows)
    return {"sets": sets, "truth": truth, "single_truth": truth}


def of(scores: Scores, metric: str, sampler: str, step: int) -> dict[str, Any]:
    """The line of a summary; `sampler` may be a control."""
    rows = [row for row in scores.summary.to_pylist() if (row["metric"], row["step"]) == (metric, step)]
    return next(row for row in rows if sampler in (row["sampler"], row["method"]))


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

    def scored(
        method: str, sampler: str, seed: int | None, found: Rollouts, windows: slice = slice(None)
    ) -> RolloutSet:
        return RolloutSet(method, sampler, seed, found, part(found, list(range(16))[windows], 1))

    sets = [
        scored("persistence_pixels", "-", None, rollouts(30, 1)),
        scored("gmm", "gmm", 0, rollouts(9, 2, 1.1, "state")),
    ]
    sets += [scored("flow", "flow-20", seed, rollouts(4, 2, 1.0, "motion"), slice(seed, None, 2)) for seed in (1, 0)]
    sets += [scored("flow", "flow-5", seed, rollouts(6, 2, 1.0, "motion"), slice(seed, None, 2)) for seed in (0, 1)]
    sets += [
        scored("decoder_ceiling", "-", None, rollouts(1, 1)),
        scored("oracle_motion", "-", None, rollouts(2, 1)),
    ]
    right = np.ones((16, 1, 8), np.float32)
    true = Rollouts(truth[:, None], right, 0 * right, np.nan * right[:, 0], windows, deterministic=True)
    config = MetricsConfig.model_validate({"bootstrap": {"resamples": 200, "frechet_groups": 50}})
    return Run(context, true, sets, config)


@pytest.fixture(scope="session")
def scores(run) -> Scores:
    return run.score()
