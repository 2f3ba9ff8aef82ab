"""Scoring of rollouts against the truth: every value in long form, and means with intervals per method."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.metrics.config import MetricsConfig
from lamo.metrics.features.extractor import FeatureExtractor
from lamo.metrics.long_form import (
    ScoredSet,
    Scores,
    distance_table,
    pixel_table,
    replicates_table,
    summary_table,
)
from lamo.metrics.pixel import score_frames
from lamo.metrics.rows import horizon_steps, row_label, rows_in_order
from lamo.metrics.samples import energy_score, score_samples
from lamo.metrics.summary import DistanceSummary, mean_summary, skill_summary
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.rollouts import Rollouts


@dataclass(frozen=True)
class RolloutSet:
    """The rollouts of one table row and seed. `sampler` is "-" and `seed` None for controls."""

    method: str
    sampler: str
    seed: int | None
    rollouts: Rollouts

    @property
    def label(self) -> str:
        """Short unique name of the table row: the sampler (it starts with its predictor's name), or the control."""
        return row_label(self.method, self.sampler)


def score_rollouts(
    sets: Iterable[RolloutSet], truth: Rollouts, rate_hz: float, extractor: FeatureExtractor, config: MetricsConfig
) -> Scores:
    """Score every set against `truth` (one sample per window): frames, samples together, latent states, distributions.

    The sets are read one after another, so that the frames of only one are in memory.

    Raises:
        LamoError: a set has other windows than the truth, the seeds of a row have different numbers of samples, or a
            horizon lies beyond the rollouts.
    """
    steps = truth.frames.shape[2]
    horizons = horizon_steps(config.horizons_s, rate_hz, steps)
    frechet_steps = sorted(set(horizons))
    true_features = _features(truth.frames, frechet_steps, extractor)[:, 0]
    scored = []
    for one in tqdm(sets, desc="scoring rollouts", unit="set"):
        _check_windows(one, truth)
        features = _features(one.rollouts.frames, frechet_steps, extractor)
        single, joint = _scores(one.rollouts, truth)
        scored.append(ScoredSet(one.method, one.sampler, one.seed, single, joint, features))
    if not scored:
        raise LamoError("scoring: found no rollouts, expected at least one store")
    rows, settings = _rows(scored), config.bootstrap
    clips = [window.clip_id for window in truth.windows]
    bootstrap = ClipBootstrap(clips, settings.resamples)
    entries = [entry for row in rows for entry in mean_summary(row, bootstrap)] + skill_summary(rows, bootstrap)
    distances = DistanceSummary(rows, extractor.metric, clips, settings)
    for index, step in enumerate(tqdm(frechet_steps, desc="distances of distributions", unit="step")):
        distances.add(step, index, true_features[:, index])
    tables = [pixel_table(one, truth.windows, rate_hz) for one in scored]
    return Scores(
        pa.concat_tables([*tables, distance_table(distances.long, rate_hz)]),
        replicates_table(distances.replicates, rate_hz),
        summary_table(entries + distances.entries, rate_hz),
        len(truth.windows),
        distances.bias,
    )


def _check_windows(one: RolloutSet, truth: Rollouts) -> None:
    if list(one.rollouts.windows) != list(truth.windows):
        raise LamoError(
            f"rollouts of {one.label}, seed {one.seed}: found {len(one.rollouts.windows)} windows that are not "
            f"the truth's {len(truth.windows)}; all stores of a run must hold the same windows, run stage 06 again"
        )


def _scores(rollouts: Rollouts, truth: Rollouts) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Scores of single samples [W, S, T] and of all samples together [W, 1, T]; of latent states where there are
    any."""
    single = score_frames(rollouts.frames, truth.frames)
    joint = score_samples(rollouts.frames, truth.frames, single)
    if np.isfinite(rollouts.latent_error).any():
        single["drift"] = rollouts.drift
        joint["energy_score_latent"] = energy_score(rollouts.latent_error, rollouts.latent_spread)
        joint["spread_latent"] = rollouts.latent_spread
    if rollouts.likelihood:
        joint[f"nll_{rollouts.likelihood.of}"] = rollouts.likelihood.nll
    return single, {name: values[:, None] for name, values in joint.items()}


def _features(frames: np.ndarray, steps: Sequence[int], extractor: FeatureExtractor) -> np.ndarray:
    """Features [W, S, F, d] of frames [W, S, T, H, W, 3] at `steps`, counted from 1."""
    chosen = frames[:, :, np.asarray(steps) - 1]
    return extractor(chosen.reshape(-1, *chosen.shape[3:])).reshape(*chosen.shape[:3], -1)


def _rows(scored: Sequence[ScoredSet]) -> list[list[ScoredSet]]:
    """Group by method and sampler, in the table's order, seeds ascending."""
    order = rows_in_order((one.method, one.sampler) for one in scored)
    rows = [[one for one in scored if (one.method, one.sampler) == row] for row in order]
    for row in rows:
        row.sort(key=lambda one: one.seed or 0)
    for row in rows:
        counts = {one.features.shape[1] for one in row}
        if len(counts) > 1 or len({one.seed for one in row}) < len(row):
            raise LamoError(
                f"rollouts of {row_label(row[0].method, row[0].sampler)}: found seeds {[one.seed for one in row]} with "
                f"{sorted(counts)} samples, expected different seeds with equally many samples; run stage 06 again"
            )
    return rows
