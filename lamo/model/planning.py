"""Planning: of the futures that a world model holds possible, the one that a user's function likes best.

    >>> import lamo, numpy
    >>> def brightness(futures):  # larger is better
    ...     return futures.frames[:, -1].mean(axis=(1, 2, 3))
    >>> model, frames = lamo.load(device="cpu"), numpy.zeros((4, 32, 64, 3), "uint8")
    >>> few = {"seconds": 0.4, "candidates": 4, "elites": 2}
    >>> best = plan(model, frames, brightness, **few)                # random shooting
    >>> best = plan(model, frames, brightness, iterations=2, **few)  # cross-entropy method
    >>> best.frames.shape, len(best.best)
    ((2, 32, 64, 3), 2)

Random shooting takes the best of the predictor's samples. The cross-entropy method (Rubinstein 1999) draws again,
around the best ones. It refits the distribution of the normal numbers that the predictor makes its motion tokens of,
and not that of the tokens: these depend on each other, the numbers do not. The component of a mixture is drawn as ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.model.rollout import Futures
from lamo.model.world_model import WorldModel
from lamo.predictors.randomness import Steered, one_each

Score = Callable[[Futures], np.ndarray]


@dataclass(frozen=True)
class Plan:
    """The best candidate.

    Attributes:
        frames: uint8 [T, H, W, 3].
        states: normalised latent states [T, P, D_z].
        score: what the user's function gave it.
        best: the largest score of each iteration, the first of which is random shooting.
        mean: the mean score of each iteration.
    """

    frames: np.ndarray
    states: Tensor
    score: float
    best: tuple[float, ...]
    mean: tuple[float, ...]


def plan(
    model: WorldModel,
    frames: np.ndarray,
    score: Score,
    seconds: float = 1.6,
    candidates: int = 64,
    iterations: int = 1,
    elites: int = 8,
    generator: Generator | None = None,
) -> Plan:
    """The future of one clip, uint8 [F, H, W, 3], with the largest score.

    `score` is given the futures of all candidates and returns a number for each. After each iteration but the last, the
    mean and the standard deviation of the numbers of the best `elites` candidates become those of the next one.

    Raises:
        LamoError: fewer candidates than elites or fewer than two elites, no iteration, a sampler without chance, scores
            of another shape or that are not finite, or what `WorldModel.rollout` raises.
    """
    if iterations < 1 or not 2 <= elites <= candidates:
        raise LamoError(
            f"plan: found {candidates} candidates, {elites} elites and {iterations} iterations, expected at least 1 "
            "iteration, and from 2 to all candidates as elites"
        )
    if model.sampler.deterministic:
        raise LamoError(
            f"plan: found sampler {model.sampler.label}, which leaves nothing to chance, expected one that draws; name "
            "another one in lamo.load"
        )
    if frames.ndim != 4:
        raise LamoError(f"plan: found frames {frames.shape}, expected those of one clip [F, H, W, 3]")
    source = generator or Generator().manual_seed(0)
    means: list[Tensor] = []
    spreads: list[Tensor] = []
    best: list[float] = []
    mean: list[float] = []
    chosen: tuple[np.ndarray, Tensor, float] | None = None
    for _ in range(iterations):
        drawn = Steered(one_each(source, candidates), means, spreads)
        futures = model.rollout(frames, seconds, candidates, drawn)
        scores = _scores(score, futures, candidates)
        top = np.argsort(-scores, kind="stable")
        best.append(float(scores[top[0]]))
        mean.append(float(scores.mean()))
        if chosen is None or best[-1] > chosen[-1]:
            chosen = futures.frames[top[0]], futures.states[top[0]], best[-1]
        means, spreads = _refitted(drawn.drawn, torch.as_tensor(top[:elites].copy()))
    assert chosen is not None
    return Plan(*chosen, tuple(best), tuple(mean))


def _refitted(drawn: Sequence[Tensor], elite: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Mean and standard deviation of the numbers of the elite [rows], call by call.

    Together they are scaled to a mean square of 1, that of the predictor's own numbers. The mean of a few samples would
    else make them larger from iteration to iteration, also where they have nothing to do with the score, and the
    motion with them.
    """
    means, spreads = [], []
    for numbers in drawn:
        chosen = numbers[elite.to(numbers.device)]
        mean, spread = chosen.mean(dim=0), chosen.std(dim=0)
        scale = (mean.square() + spread.square()).mean().rsqrt()
        means.append(scale * mean)
        spreads.append(scale * spread)
    return means, spreads


def _scores(score: Score, futures: Futures, candidates: int) -> np.ndarray:
    scores = np.asarray(score(futures), dtype=np.float64)
    if scores.shape != (candidates,) or not np.isfinite(scores).all():
        found = f"shape {scores.shape}" if scores.shape != (candidates,) else "numbers that are not finite"
        raise LamoError(f"plan: found scores of {found}, expected {candidates} finite numbers, one for each candidate")
    return scores
