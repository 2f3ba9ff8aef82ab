"""Scoring of rollouts against the truth: every value in long form, and means with intervals per method."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.metrics.config import MetricsConfig
from lamo.metrics.features import FeatureExtractor
from lamo.metrics.frechet import bootstrap_frechet, frechet_distance
from lamo.metrics.intervals import ClipBootstrap, Interval
from lamo.metrics.long_form import ScoredSet, Scores, distance_table, pixel_table, summary_table
from lamo.metrics.pixel import score_frames
from lamo.metrics.rows import PIXEL_METRICS, horizon_steps, row_label, row_order
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
    """Score every set against `truth` (one sample per window) by PSNR, SSIM, sharpness, drift and Frechet distance.

    Raises `LamoError` if a set has other windows than the truth, if a row's seeds differ in their number of samples, or
    if a horizon lies beyond the rollouts.
    """
    steps = truth.frames.shape[2]
    horizons = horizon_steps(config.horizons_s, rate_hz, steps)
    frechet_steps = list(range(1, steps + 1)) if config.curves.frechet_every_step else sorted(set(horizons))
    true_features = _features(truth.frames, frechet_steps, extractor)[:, 0]
    scored = []
    for one in tqdm(sets, desc="scoring rollouts", unit="set"):
        _check_windows(one, truth)
        found = score_frames(one.rollouts.frames, truth.frames, config.batch)
        values = {name: getattr(found, name) for name in PIXEL_METRICS}
        if np.isfinite(one.rollouts.drift).any():
            values["drift"] = one.rollouts.drift
        features = _features(one.rollouts.frames, frechet_steps, extractor)
        scored.append(ScoredSet(one.method, one.sampler, one.seed, values, features))
    if not scored:
        raise LamoError("scoring: found no rollouts, expected at least one store")
    rows = _rows(scored)
    bootstrap = ClipBootstrap([w.clip_id for w in truth.windows], config.bootstrap.resamples, config.bootstrap.seed)
    summary = [entry for row in rows for entry in _pixel_summary(row, bootstrap)]
    distances, entries, bias = _frechet(rows, true_features, frechet_steps, truth, extractor.metric, config)
    tables = [pixel_table(one, truth.windows, rate_hz) for one in scored]
    values = pa.concat_tables([*tables, distance_table(distances, rate_hz)])
    return Scores(values, summary_table(summary + entries, rate_hz), len(truth.windows), bias)


def _check_windows(one: RolloutSet, truth: Rollouts) -> None:
    if list(one.rollouts.windows) != list(truth.windows):
        raise LamoError(
            f"rollouts of {one.label}, seed {one.seed}: found {len(one.rollouts.windows)} windows that are not "
            f"the truth's {len(truth.windows)}; all stores of a run must hold the same windows, run stage 06 again"
        )


def _features(frames: np.ndarray, steps: Sequence[int], extractor: FeatureExtractor) -> np.ndarray:
    """Features [W, S, F, d] of frames [W, S, T, H, W, 3] at `steps`, counted from 1."""
    chosen = frames[:, :, np.asarray(steps) - 1]
    return extractor(chosen.reshape(-1, *chosen.shape[3:])).reshape(*chosen.shape[:3], -1)


def _rows(scored: Sequence[ScoredSet]) -> list[list[ScoredSet]]:
    """Group by method and sampler, in the table's order, seeds ascending."""
    ordered = sorted(scored, key=lambda s: (*row_order(s.method, s.sampler), s.method, s.seed or 0))
    rows = [list(group) for _, group in groupby(ordered, key=lambda s: (s.method, s.sampler))]
    for row in rows:
        counts = {one.features.shape[1] for one in row}
        if len(counts) > 1 or len({one.seed for one in row}) < len(row):
            raise LamoError(
                f"rollouts of {row_label(row[0].method, row[0].sampler)}: found seeds {[one.seed for one in row]} with "
                f"{sorted(counts)} samples, expected different seeds with equally many samples; run stage 06 again"
            )
    return rows


def _entry(row: list[ScoredSet], step: int, metric: str, interval: Interval, clips: int) -> dict[str, Any]:
    one = row[0]
    return {
        "method": one.method,
        "sampler": one.sampler,
        "step": step,
        "metric": metric,
        "mean": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_clips": clips,
        "n_samples": one.features.shape[1],
        "n_seeds": len(row),
    }


def _pixel_summary(row: list[ScoredSet], bootstrap: ClipBootstrap) -> list[dict[str, Any]]:
    entries = []
    for metric in row[0].values:
        values = np.stack([one.values[metric] for one in row], axis=1)
        for step, interval in enumerate(bootstrap.means(values), start=1):
            entries.append(_entry(row, step, metric, interval, bootstrap.clips))
    return entries


def _frechet(
    rows: list[list[ScoredSet]],
    true_features: np.ndarray,
    steps: Sequence[int],
    truth: Rollouts,
    metric: str,
    config: MetricsConfig,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], tuple[float, float]]:
    """Distances in long form, summary entries and the range of the estimated biases.

    Each sample and seed is a set of its own with one frame per window, so that all rows have equal n; a row's value is
    the mean over its sets.
    """
    settings = config.bootstrap
    bootstrap = ClipBootstrap([w.clip_id for w in truth.windows], settings.frechet_resamples, settings.seed)
    long, entries, biases = [], [], []
    for f, step in enumerate(tqdm(steps, desc="Frechet distances", unit="step")):
        target = true_features[:, f]
        groups = [[one.features[:, s, f] for one in row for s in range(one.features.shape[1])] for row in rows]
        spread = bootstrap_frechet(target, groups, bootstrap.window_weights) if bootstrap.clips > 1 else None
        for g, (row, sets) in enumerate(zip(rows, groups, strict=True)):
            distances = [frechet_distance(target, one) for one in sets]
            names = [(one.seed, s) for one in row for s in range(one.features.shape[1])]
            for (seed, sample), value in zip(names, distances, strict=True):
                key = {"method": row[0].method, "sampler": row[0].sampler, "seed": seed, "sample": sample, "step": step}
                long.append({**key, "metric": metric, "value": value})
            mean = float(np.mean(distances))
            if spread is None:
                interval = Interval(mean, float("nan"), float("nan"))
            else:
                interval = bootstrap.interval(mean, spread[g], recentre=True)
                interval = Interval(mean, max(interval.low, 0.0), interval.high)
                biases.append(spread[g].mean() - mean)
            entries.append(_entry(row, step, metric, interval, bootstrap.clips))
    bias = (float(min(biases)), float(max(biases))) if biases else (float("nan"), float("nan"))
    return long, entries, bias
