"""Frechet distance between two sets of features, and the same of weighted sets.

With n frames per set the distance is biased upwards (two samples of one distribution do not score 0), by a term that
falls as 1/n and grows with the number of features. Compare only values at equal n, never across tables of another n.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lamo.errors import LamoError


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of the Gaussians fitted to features [n, d] and [m, d] (Heusel et al. 2017).

    |mu_1 - mu_2|^2 + tr C_1 + tr C_2 - 2 tr (C_1 C_2)^(1/2), with the unbiased covariances. The last trace is the sum
    of singular values of A_1 A_2^T with C_i = A_i^T A_i; A_i is the triangular factor of the centred features, of size
    min(n, d) x d, so that no square root of a singular matrix is taken and n < d costs only n x m. Raises `LamoError`
    for fewer than two rows or values that are not finite.
    """
    a, b = checked_features(first), checked_features(second)
    difference = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    factor_a, factor_b = _factor(a), _factor(b)
    cross = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    return float(max(difference + np.square(factor_a).sum() + np.square(factor_b).sum() - 2 * cross, 0.0))


def checked_features(features: np.ndarray, distance: str = "Frechet distance") -> np.ndarray:
    """Features [n, d] in float64. Raises `LamoError`, which names the `distance` that they are for, for fewer than two
    rows or values that are not finite."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise LamoError(f"{distance}: found features of shape {features.shape}, expected at least 2 rows")
    if not np.isfinite(features).all():
        raise LamoError(f"{distance}: found features that are not finite; check the feature network")
    return features


def _factor(features: np.ndarray) -> np.ndarray:
    """A with A^T A = covariance of `features` [n, d]; at most min(n, d) rows."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return centred if len(centred) <= centred.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def weighted_frechet(
    truth: np.ndarray, rows: Sequence[np.ndarray], weights: np.ndarray, budget: int = 10_000_000
) -> np.ndarray:
    """Frechet distances of each of the `rows`, predicted features [M, d], to true ones [M, d]: [rows, R].

    For R weightings of the M frames, `weights` [R, M]: how often each counts, truth and prediction alike, two frames at
    least. `budget` bounds the float64 numbers held at a time.
    """
    origin = checked_features(truth)
    centred = origin - origin.mean(axis=0)
    # tr (C_1 C_2)^(1/2) sees C_2 only within the span of C_1: at most M - 1 dimensions, whatever d is
    rank = min(len(centred) - 1, centred.shape[1])
    basis = torch.from_numpy(np.linalg.svd(centred, full_matrices=False)[2][:rank].T.copy())
    truth_set = _Projected.of(centred, basis)
    sets = [_Projected.of(checked_features(one) - origin.mean(axis=0), basis) for one in rows]
    chunk = max(1, budget // (rank * max(rank, len(origin))))
    columns = []
    for part in torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float64)).split(chunk):
        true_moments = truth_set.moments(part)
        values, vectors = torch.linalg.eigh(true_moments.covariances)
        roots = vectors * values.clamp(min=0).sqrt()[:, None, :]
        columns.append(torch.stack([_distance(one.moments(part), true_moments, roots) for one in sets]))
    return torch.cat(columns, dim=1).numpy()


@dataclass(frozen=True)
class _Moments:
    """Per weighting: `means` [R, d], `traces` [R] of the covariances, `covariances` [R, k, k] within the basis."""

    means: torch.Tensor
    traces: torch.Tensor
    covariances: torch.Tensor


@dataclass(frozen=True)
class _Projected:
    """Features [M, d] and their coordinates [M, k] in the basis of the truth's span."""

    features: torch.Tensor
    inside: torch.Tensor

    @classmethod
    def of(cls, features: np.ndarray, basis: torch.Tensor) -> "_Projected":
        tensor = torch.from_numpy(features)
        return cls(tensor, tensor @ basis)

    def moments(self, weights: torch.Tensor) -> _Moments:
        """Weighted moments for `weights` [R, M], unbiased covariances."""
        total = weights.sum(dim=1)
        means = weights @ self.features / total[:, None]
        squares = weights @ self.features.square().sum(dim=1)
        centre = weights @ self.inside / total[:, None]
        second = (weights[:, :, None] * self.inside).mT @ self.inside / total[:, None, None]
        correction = total / (total - 1)
        traces = (squares / total - means.square().sum(dim=1)) * correction
        covariances = (second - centre[:, :, None] * centre[:, None, :]) * correction[:, None, None]
        return _Moments(means, traces, covariances)


def _distance(predicted: _Moments, truth: _Moments, roots: torch.Tensor) -> torch.Tensor:
    """Distance to the truth [R]; `roots` L with L L^T = the truth's covariance."""
    # eigenvalues of C_1 C_2 are those of the symmetric L^T C_2 L
    cross = torch.linalg.eigvalsh(roots.mT @ predicted.covariances @ roots).clamp(min=0).sqrt().sum(dim=-1)
    difference = (predicted.means - truth.means).square().sum(dim=-1)
    return (difference + predicted.traces + truth.traces - 2 * cross).clamp(min=0)
