"""Schedules, parameter groups and one step."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lamo.training.learner import Learner
from lamo.training.optim import adamw, cosine, set_learning_rate, set_weight_decay
from lamo.training.session import Session

rates = st.floats(1e-6, 1.0)


@given(steps=st.integers(2, 500), warmup=st.integers(0, 500), start=rates, end=rates)
def test_cosine_starts_peaks_and_ends_where_it_should(steps, warmup, start, end):
    warmup = min(warmup, steps - 1)
    assert cosine(warmup, steps, start, end, warmup) == pytest.approx(start)
    assert cosine(steps, steps, start, end, warmup) == pytest.approx(end)
    middle = cosine(warmup + 1, warmup + 2, start, end, warmup)
    assert middle == pytest.approx((start + end) / 2)


def test_warm_up_is_linear_and_reaches_the_peak_with_its_last_step():
    values = [cosine(i, 20, 0.4, 0.0, warmup=4) for i in range(5)]
    assert values == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


@given(steps=st.integers(2, 200), start=rates, end=rates)
def test_cosine_runs_monotonically_and_stays_at_its_end(steps, start, end):
    values = [cosine(i, steps, start, end) for i in range(steps + 1)]
    assert values == sorted(values, reverse=start > end)
    assert cosine(steps + 100, steps, start, end) == pytest.approx(end)
    assert cosine(1, steps, start, end) == pytest.approx(
        end + (start - end) * math.cos(math.pi / (2 * steps)) ** 2, rel=1e-6
    )


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(3, 2), nn.LayerNorm(2)
        self.tokens = nn.Parameter(torch.ones(1, 4, 2))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, x):
        return self.norm(self.linear(x)) + self.tokens.sum()


def test_only_trainable_weights_are_optimised_and_only_matrices_decayed():
    model, other = Small(), nn.Linear(5, 5)
    optimizer = adamw([model, other], 0.1, 0.3)
    decayed, kept = optimizer.param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(p) for p in (model.linear.weight, model.tokens, other.weight)}
    vectors = (model.linear.bias, model.norm.weight, model.norm.bias, other.bias)
    assert {id(p) for p in kept["params"]} == {id(p) for p in vectors}
    assert all(group["lr"] == 0.1 for group in optimizer.param_groups)
    set_learning_rate(optimizer, 0.02)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.02]


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_weight_decay_changes_for_matrices_only(start):
    optimizer = adamw([Small()], 0.1, start)
    set_weight_decay(optimizer, 0.4)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.4, 0.0]


def test_decay_shrinks_matrices_only():
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    optimizer = adamw([model], 0.1, 0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), torch.full((2, 2), 1 - 0.1 * 0.5))
    torch.testing.assert_close(model.bias.detach(), torch.ones(2))


@pytest.mark.parametrize("clip", [0.5, 100.0])
def test_a_step_clips_the_gradient_and_reports_its_norm_before(clip):
    module = nn.Module()
    module.weight = weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    weight.grad = torch.full((2,), 1e9)  # of an earlier step: has to be forgotten
    optimizer = torch.optim.SGD([weight], lr=1.0)
    learner = Learner(lambda rows: {"loss": weight.square().sum() / 2}, [module], optimizer, clip, Session())
    assert float(learner.learn(torch.zeros(1), 1)["gradient_norm"]) == pytest.approx(5.0)
    step = torch.tensor([3.0, 4.0]) * min(1.0, clip / 5.0)
    torch.testing.assert_close(weight.detach(), torch.tensor([3.0, 4.0]) - step, rtol=1e-5, atol=1e-5)
