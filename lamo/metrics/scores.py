"""Scoring of the rollouts of one row of the table against the truth. `lamo.metrics.summary` puts all rows together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lamo.errors import LamoError
from lamo.metrics.feature_scores import feature_scores
from lamo.metrics.features.clips import ClipFeatures
from lamo.metrics.features.extractor import Extractors, features_at
from lamo.metrics.perceptual import Lpips, lpips_scores
from lamo.metrics.pixel import score_frames
from lamo.metrics.rows import horizon_steps, row_label
from lamo.metrics.samples import energy_score, score_samples
from lamo.metrics.scored import ScoredSet
from lamo.progress import Bar
from lamo.stores.rollouts import Rollouts, Window


@dataclass(frozen=True)
class RolloutSet:
    """The rollouts of one table row and seed: of windows with several samples, and `single`, of many with one.

    `sampler` is "-" and `seed` None for controls. `single` is None where they are not known, as they may be of a model
    of somebody else.
    """

    method: str
    sampler: str
    seed: int | None
    rollouts: Rollouts
    single: Rollouts | None

    @property
    def label(self) -> str:
        """Name of the table row."""
        return row_label(self.method, self.sampler)


def score_row(
    sets: Iterable[RolloutSet],
    truth: Rollouts,
    oracle: Rollouts,
    rate_hz: float,
    extractors: Extractors,
    horizons_s: Sequence[float],
    lpips: Lpips | None = None,
    clips: ClipFeatures | None = None,
) -> list[ScoredSet]:
    """Score each set against `truth` (one sample per window): frames, samples together, latent states, features.

    `oracle` is the rollout of the same windows with true motion tokens, which samples should hold between them. `lpips`
    and `clips` are None where the run has no weights for LPIPS and FVD.

    The sets are read one after another, so that the frames of only one are in memory. Features are those of the
    network, which `summarise` divides by their spread.

    Raises:
        LamoError: a set or the oracle has other windows than the truth, or a horizon lies beyond the rollouts.
    """
    _check_windows("oracle_motion", oracle, truth)
    steps = horizon_steps(horizons_s, rate_hz, truth.frames.shape[2])
    true_features = features_at(truth.frames, steps, extractors.windows)[:, 0]
    scored = []
    for one in Bar(sets, desc="scoring rollouts", unit="set"):
        _check_windows(f"{one.label}, seed {one.seed}", one.rollouts, truth)
        single, joint = _scores(one.rollouts, truth, oracle)
        found = features_at(one.rollouts.frames, steps, extractors.windows)
        in_features = feature_scores(found, true_features, one.rollouts.deterministic, steps, truth.frames.shape[2])
        joint |= {name: values[:, None] for name, values in in_features.items()}
        if lpips:
            single["lpips"] = lpips_scores(one.rollouts.frames, truth.frames, steps, lpips)
        features, windows = _features_of_single(one.single, steps, extractors, clips)
        scored.append(ScoredSet(one.method, one.sampler, one.seed, single, joint, features, windows))
    return scored


def _features_of_single(
    single: Rollouts | None, steps: Sequence[int], extractors: Extractors, clips: ClipFeatures | None
) -> tuple[dict[str, np.ndarray], list[Window]]:
    """Features of single futures as in `ScoredSet`, and their windows; empty if there are no such futures."""
    if single is None:
        return {}, []
    features = {each.metric: features_at(single.frames, steps, each)[:, 0] for each in extractors}
    if clips:
        features[clips.metric] = clips.of(single, steps[-1])
    return features, single.windows


def _check_windows(name: str, rollouts: Rollouts, truth: Rollouts) -> None:
    if list(rollouts.windows) != list(truth.windows):
        raise LamoError(
            f"rollouts of {name}: found {len(rollouts.windows)} windows that are not the truth's "
            f"{len(truth.windows)}; all stores of a run must hold the same windows, run stage 06 again"
        )


def _scores(
    rollouts: Rollouts, truth: Rollouts, oracle: Rollouts
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Scores of single samples [W, S, T] and of all samples together [W, 1, T]; of latent states where there are
    any."""
    single = score_frames(rollouts.frames, truth.frames)
    joint = score_samples(rollouts.frames, truth.frames, oracle.frames, single, rollouts.deterministic)
    if np.isfinite(rollouts.latent_error).any():
        single["drift"] = rollouts.drift
        joint["energy_score_latent"] = energy_score(
            rollouts.latent_error, rollouts.latent_spread, rollouts.deterministic
        )
        joint["spread_latent"] = rollouts.latent_spread
    if rollouts.likelihood:
        joint[f"nll_{rollouts.likelihood.of}"] = rollouts.likelihood.nll
    return single, {name: values[:, None] for name, values in joint.items()}
