"""Planning: the best of the futures is found, a refitted distribution finds better ones, and what is refused."""

import numpy as np
import pytest
import torch

import lamo
from lamo.errors import LamoError
from lamo.model.planning import plan


@pytest.fixture(scope="module", params=["flow", "gmm"])
def model(model_dir, request):
    return lamo.load(model_dir, request.param, device="cpu")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def redness(futures) -> np.ndarray:
    return futures.frames[:, -1, ..., 0].mean(axis=(1, 2)) - futures.frames[:, -1, ..., 1:].mean(axis=(1, 2, 3))


def test_random_shooting_takes_the_best_sample(model, frames):
    futures = model.rollout(frames, 0.6, 12, seeded(3))
    scores = redness(futures)
    best = plan(model, frames, redness, 0.6, candidates=12, elites=4, generator=seeded(3))
    assert best.score == best.best[0] == scores.max()
    assert best.mean == (pytest.approx(scores.mean()),)
    np.testing.assert_array_equal(best.frames, futures.frames[scores.argmax()])
    assert torch.equal(best.states, futures.states[scores.argmax()])


@pytest.mark.parametrize("seed", range(3))
def test_refitting_makes_candidates_better(model, frames, seed):
    """By far more than chance: the mean of 20 candidates moves by 3 at most between seeds."""
    method = plan(model, frames, redness, 0.6, candidates=20, iterations=4, elites=5, generator=seeded(seed))
    assert method.mean[-1] > method.mean[0] + 4
    assert method.score == max(method.best)
    again = plan(model, frames, redness, 0.6, candidates=20, iterations=4, elites=5, generator=seeded(seed))
    np.testing.assert_array_equal(method.frames, again.frames)


def test_refitting_leaves_the_size_of_the_numbers_as_it_is(model, frames):
    """Where the score says nothing, the candidates of the last iteration are as far from the mean as those of the
    first; without care they would be farther by a third."""
    spans, rng = [], np.random.default_rng(0)

    def score(futures):
        steps = np.diff(futures.states.numpy(), axis=1)
        spans.append(float(np.sqrt(np.square(steps).mean())))
        return rng.random(len(steps))

    plan(model, frames, score, 0.6, candidates=24, iterations=5, elites=4)
    assert spans[-1] == pytest.approx(spans[0], rel=0.12)


def test_latent_states_can_be_scored_too(model, frames):
    def score(futures):
        return futures.states[:, -1, 0, 0].numpy()

    best = plan(model, frames, score, 0.4, candidates=8, elites=2)
    assert best.score == float(best.states[-1, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": 4, "elites": 5}, "found 4 candidates, 5 elites and 1 iterations"),
        ({"elites": 1}, "expected at least 1 iteration, and from 2 to all candidates as elites"),
        ({"iterations": 0}, "0 iterations"),
        ({"score": lambda futures: np.zeros(3)}, r"scores of shape \(3,\), expected 8 finite numbers"),
        ({"score": lambda futures: np.full(8, np.nan)}, "numbers that are not finite"),
    ],
)
def test_what_cannot_be_planned_is_refused(model, frames, arguments, message):
    with pytest.raises(LamoError, match=message):
        plan(model, frames, **{"score": redness, "seconds": 0.4, "candidates": 8, **arguments})
    with pytest.raises(LamoError, match="expected those of one clip"):
        plan(model, frames[None], redness)


def test_without_chance_there_is_nothing_to_choose(model_dir, frames):
    model = lamo.load(model_dir, "gmm", "mean", device="cpu")
    with pytest.raises(LamoError, match="plan: found sampler gmm-mean, which leaves nothing to chance"):
        plan(model, frames, redness, 0.4, candidates=8)
