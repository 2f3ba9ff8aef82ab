"""The one-step likelihood of a predictor is that of the true next value given the true context."""

import numpy as np
import pytest
import torch
from made_predictors import sampler

from lamo.predictors.interface import Geometry, Predictor
from lamo.rollout.frozen_models import Scene
from lamo.rollout.likelihood import likelihood


class Known(Predictor):
    """N(last value, 2 I), whatever the sampler; without a density if told so."""

    def __init__(self, predicts: str, known: bool = True, history: int = 3) -> None:
        super().__init__(Geometry(history, 1, 4, 3, (2, 2), 3))
        self.predicts, self.known = predicts, known

    def loss(self, context, target, generator):
        raise NotImplementedError

    def sample(self, context, sampler, generator):
        raise NotImplementedError

    def log_density(self, context, target, sampler, generator):
        if not self.known:
            return super().log_density(context, target, sampler, generator)
        last = (context.motion if self.predicts == "motion" else context.states)[:, -1]
        return torch.distributions.Normal(last, 2.0).log_prob(target).flatten(1).sum(1)


@pytest.mark.parametrize("predicts", ["motion", "state"])
def test_it_is_that_of_the_true_value_at_some_steps_given_the_true_past(predicts, models, random_clips, windows, plan):
    at = [1, 2, plan.steps]
    found = likelihood(models, Known(predicts), sampler("flow-1"), random_clips, windows, plan, at)
    scene = Scene(models, random_clips, windows, plan.history, plan.steps)
    assert found.of == predicts
    assert found.nll.shape == (len(windows), plan.steps)
    for step in (number - 1 for number in at):
        last = plan.history + step
        if predicts == "motion":
            before, true = scene.motion(last - 1), scene.motion(last)
        else:
            before, true = scene.state(last), scene.state(last + 1)
        expected = -torch.distributions.Normal(before, 2.0).log_prob(true).flatten(1).mean(1)
        np.testing.assert_allclose(found.nll[:, step], expected.numpy(), rtol=1e-4)
    assert np.nanstd(found.nll) > 0.01
    assert np.flatnonzero(np.isfinite(found.nll).all(0)).tolist() == [number - 1 for number in at]
    assert np.isnan(found.nll).sum() == len(windows) * (plan.steps - len(at))


def test_there_is_none_of_a_predictor_without_density(models, random_clips, windows, plan):
    assert likelihood(models, Known("motion", False), sampler("flow-1"), random_clips, windows, plan, [1]) is None
