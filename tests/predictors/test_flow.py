"""Flow path and ODE solvers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.errors import LamoError
from lamo.predictors.flow_head import FlowHead, embed_tau, straight_path
from lamo.predictors.ode import SOLVERS, integrate

ORDER = {"euler": 1, "midpoint": 2, "heun": 2}


@given(tau=st.floats(0, 1), seed=st.integers(0, 100))
def test_straight_path_joins_its_ends_at_constant_velocity(tau, seed):
    noise = torch.Generator().manual_seed(seed)
    x0, x1 = torch.randn(2, 3, generator=noise).double(), torch.randn(2, 3, generator=noise).double()
    point = straight_path(x0, x1, torch.tensor(tau, dtype=torch.float64))
    torch.testing.assert_close(straight_path(x0, x1, torch.tensor(0.0)).position, x0)
    torch.testing.assert_close(straight_path(x0, x1, torch.tensor(1.0)).position, x1)
    torch.testing.assert_close(point.position + (1 - tau) * point.velocity, x1)
    torch.testing.assert_close(point.position - tau * point.velocity, x0)


@pytest.mark.parametrize("solver", SOLVERS)
@given(steps=st.integers(1, 7))
@settings(max_examples=7)
def test_constant_velocity_is_integrated_exactly(solver, steps):
    x, velocity = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    torch.testing.assert_close(integrate(lambda x, tau: velocity, x, steps, solver), x + velocity)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("field", "solution"),
    [
        (lambda x, tau: -2.0 * x, math.exp(-2.0)),
        (lambda x, tau: x * (1 + 2 * tau), math.exp(2.0)),
        (lambda x, tau: x.square() * tau, 1 / (1 - 0.5)),
    ],
)
def test_error_falls_with_the_order_of_the_solver(solver, field, solution):
    x = torch.ones(1, dtype=torch.float64)
    errors = [abs(float(integrate(field, x, steps, solver)) - solution) for steps in (64, 128)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(ORDER[solver], abs=0.15)


@pytest.mark.parametrize("solver", ["midpoint", "heun"])
def test_second_order_is_exact_for_a_velocity_linear_in_time(solver):
    x = torch.zeros(1, dtype=torch.float64)
    assert float(integrate(lambda x, tau: torch.full_like(x, 2 * tau), x, 3, solver)) == pytest.approx(1.0)


def test_bad_requests_are_refused():
    with pytest.raises(LamoError, match="at least 1"):
        integrate(lambda x, tau: x, torch.ones(1), 0)
    with pytest.raises(LamoError, match="solver 'rk9'"):
        integrate(lambda x, tau: x, torch.ones(1), 1, "rk9")


def test_tau_is_resolved_finely():
    embedded = embed_tau(torch.linspace(0, 1, 101))
    distance = torch.cdist(embedded, embedded) + 10 * torch.eye(101)
    assert distance.min() > 0.1


def test_new_head_predicts_zero_velocity_and_the_loss_of_that():
    head = FlowHead(token_width=6, context_width=8, width=16, blocks=3)
    x, tau, tokens = torch.randn(5, 2, 3, 6), torch.rand(5), torch.randn(5, 2, 3, 8)
    assert torch.equal(head.velocity(x, tau, tokens), torch.zeros_like(x))


def test_flow_learns_a_gaussian():
    """With targets ~ N(2, 0.5^2) whatever the context, samples have that mean and spread."""
    from lamo.predictors.backbone import Features
    from lamo.predictors.interface import Sampler

    torch.manual_seed(0)
    head = FlowHead(token_width=1, context_width=2, width=32, blocks=2)
    noise = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=5e-3)
    features = Features(torch.zeros(512, 1, 2))
    for _ in range(300):
        optimizer.zero_grad()
        head.loss(features, 2.0 + 0.5 * torch.randn(512, 1, 1, generator=noise), noise).backward()
        optimizer.step()
    with torch.no_grad():
        sample = head.sample(features, Sampler.parse("flow-20"), noise)
    assert float(sample.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(sample.std()) == pytest.approx(0.5, abs=0.1)
