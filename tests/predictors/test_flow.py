"""Flow path and ODE solvers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_predictors import predictors, sampler

from lamo.errors import LamoError
from lamo.predictors.backbone import Features
from lamo.predictors.flow.head import FlowHead, embed_tau, straight_path
from lamo.predictors.flow.ode import SOLVERS, integrate

ORDER = {"euler": 1, "heun": 2}


def shaken(head: FlowHead) -> FlowHead:
    """All weights moved off their initial values, so that nothing is zero by construction."""
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return head.requires_grad_(False)


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


def test_second_order_is_exact_for_a_velocity_linear_in_time():
    x = torch.zeros(1, dtype=torch.float64)
    assert float(integrate(lambda x, tau: torch.full_like(x, 2 * tau), x, 3, "heun")) == pytest.approx(1.0)


def test_bad_requests_are_refused():
    with pytest.raises(LamoError, match="at least 1"):
        integrate(lambda x, tau: x, torch.ones(1), 0)
    with pytest.raises(LamoError, match="solver 'rk9'"):
        integrate(lambda x, tau: x, torch.ones(1), 1, "rk9")


def test_tau_is_resolved_finely():
    embedded = embed_tau(torch.linspace(0, 1, 101))
    distance = torch.cdist(embedded, embedded) + 10 * torch.eye(101)
    assert distance.min() > 0.1


def point(rows: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x_tau, tau and h_t of six tokens in each row."""
    return torch.randn(rows, 2, 3, 6), torch.rand(rows), torch.randn(rows, 2, 3, 8)


@pytest.mark.parametrize("heads", [0, 2])
def test_new_head_predicts_zero_velocity_and_the_loss_of_that(heads):
    head = FlowHead(token_width=6, context_width=8, width=16, blocks=3, attention_heads=heads)
    x, tau, tokens = point()
    assert torch.equal(head.velocity(x, tau, tokens), torch.zeros_like(x))


@pytest.mark.parametrize(("heads", "reached"), [(0, [4]), (2, [0, 1, 2, 3, 4, 5])])
def test_tokens_of_a_step_influence_each_other_with_attention_alone(heads, reached):
    head = shaken(FlowHead(token_width=6, context_width=8, width=16, blocks=2, attention_heads=heads))
    x, tau, tokens = point()
    before, moved = head.velocity(x, tau, tokens), x.clone()
    moved[2, 1, 1] += 1.0
    change = (head.velocity(moved, tau, tokens) - before).abs().amax(-1).flatten(1) > 1e-6
    rows, places = change.nonzero(as_tuple=True)
    # The fifth token of the third row was moved: no other row notices.
    assert set(rows.tolist()) == {2}
    assert places.tolist() == reached


def test_coupled_tokens_are_told_apart_by_their_context_alone():
    """Attention has no order of its own: tokens that change places change their velocities with them."""
    head = shaken(FlowHead(token_width=6, context_width=8, width=16, blocks=2, attention_heads=2))
    x, tau, tokens = point()
    turned = head.velocity(x.roll(1, 2), tau, tokens.roll(1, 2))
    torch.testing.assert_close(turned, head.velocity(x, tau, tokens).roll(1, 2), rtol=1e-4, atol=1e-5)


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(LamoError, match=r"head 9 wide .* expected a multiple of the 2 heads"):
        FlowHead(token_width=9, context_width=8, width=8, blocks=1, attention_heads=2)
    flow = {"coupling": "attention", "width": 17}
    with pytest.raises(ValueError, match=r"flow\.width: found 17 with coupling .* expected a multiple of .* 2"):
        predictors({"flow": flow})
    assert predictors({"flow": flow | {"coupling": "none"}}).of("flow").settings.width == 17


def test_coupled_tokens_learn_to_agree():
    """All tokens of a step are +1 or all are -1: with attention samples agree, without they cannot."""
    torch.manual_seed(0)
    agreed = {}
    for heads in (0, 2):
        head, noise = FlowHead(1, 2, 16, 2, heads), torch.Generator().manual_seed(0)
        optimizer = torch.optim.AdamW(head.parameters(), lr=5e-3)
        features = Features(torch.zeros(256, 3, 2))
        for _ in range(200):
            optimizer.zero_grad()
            target = torch.randn(256, 1, 1, generator=noise).sign().expand(-1, 3, -1)
            head.loss(features, target, noise).backward()
            optimizer.step()
        with torch.no_grad():
            sign = head.sample(features, sampler("flow-20"), noise).sign().squeeze(-1)
        agreed[heads] = float((sign.sum(1).abs() == 3).float().mean())
    # By chance a quarter.
    assert agreed[0] < 0.4
    assert agreed[2] > 0.8


def test_flow_learns_a_gaussian():
    """With targets ~ N(2, 0.5^2) whatever the context, samples have that mean and spread."""
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
        sample = head.sample(features, sampler("flow-20"), noise)
    assert float(sample.mean()) == pytest.approx(2.0, abs=0.1)
    assert float(sample.std()) == pytest.approx(0.5, abs=0.1)
