"""Log-densities of flows, against densities that are known."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lamo.predictors.backbone import Features
from lamo.predictors.flow.density import log_density
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.flow.ode import integrate
from lamo.predictors.flow.sampler import FlowSampler


def test_an_affine_flow_has_the_density_of_its_gaussian():
    """dx/dtau = A x carries N(0, I) to N(0, exp(A) exp(A)')."""
    matrix = torch.tensor([[0.5, 0.3], [-0.2, 0.8]])
    noise = torch.Generator().manual_seed(0)
    values = torch.randn(2000, 2, generator=noise)
    found = log_density(lambda x, tau: x @ matrix.T, values, noise)
    carried = torch.matrix_exp(matrix)
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), carried @ carried.T).log_prob(values)
    # Of the divergence, 1.3, signs know the off-diagonal 0.1 times a sign at each of 40 evaluations.
    assert float((found - exact).mean()) == pytest.approx(0.0, abs=3e-3)
    assert float((found - exact).std()) < 0.05


@pytest.mark.parametrize("white", [False, True])
def test_the_density_of_a_head_is_that_of_what_it_draws(white):
    torch.manual_seed(0)
    head = FlowHead(2, 8, 16, 2, white=white)
    # Smooth in tau, as a trained head is: random weights on sines of 1000 tau are not resolved by 20 steps.
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if not name.startswith("tau_in"):
                parameter.add_(0.15 * torch.randn_like(parameter))
    features = Features(torch.randn(1, 1, 8))
    x0 = torch.randn(1, 1, 2)

    def flow(start: torch.Tensor) -> torch.Tensor:
        return integrate(head._field(features.tokens), start, 60, "heun")

    jacobian = torch.autograd.functional.jacobian(flow, x0).view(2, 2)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(x0).sum()
    exact = (normal - torch.linalg.slogdet(jacobian)[1]).detach()
    assert abs(float(torch.linalg.slogdet(jacobian)[1])) > 0.05
    x1, used, noise = flow(x0).detach(), FlowSampler(name="4", steps=4), torch.Generator().manual_seed(1)
    found = [head.log_density(features, x1, used, noise) for _ in range(60)]
    assert float(torch.cat(found).mean()) == pytest.approx(float(exact), abs=0.02)


def test_it_works_where_everything_else_is_inference():
    head = FlowHead(2, 8, 16, 2, white=True)
    with torch.inference_mode():
        features = Features(torch.randn(3, 1, 8))
        found = head.log_density(features, torch.randn(3, 1, 2), FlowSampler(name="4", steps=4), torch.Generator())
    assert found.isfinite().all()


@pytest.mark.parametrize("white", [False, True])
def test_its_operations_can_be_counted(white):
    """Plans count them; PyTorch's counter once stopped at a head without whitening."""
    head = FlowHead(2, 8, 16, 2, white=white)
    features, sampler = Features(torch.randn(3, 1, 8)), FlowSampler(name="4", steps=4)
    with FlopCounterMode(display=False) as counter:
        found = head.log_density(features, torch.randn(3, 1, 2), sampler, torch.Generator())
    assert found.isfinite().all()
    # More than one way through the head at each of the 40 evaluations: there, and back for the divergence.
    with FlopCounterMode(display=False) as once:
        head._field(features.tokens)(torch.randn(3, 1, 2), 0.5)
    assert counter.get_total_flops() > 40 * once.get_total_flops()
