"""Log-density of a flow, by the change of variables along its ordinary differential equation.

log p(x_1) = log N(x_0; 0, I) - the integral of div f over tau from 0 to 1, along the solution of dx/dtau = f(x, tau)
that ends at x_1 (Chen et al. 2018, "Neural ordinary differential equations", eq. 8). The divergence is estimated
without bias by e' (df/dx) e with signs e (Hutchinson; Grathwohl et al. 2019, "FFJORD", eq. 7), with new signs at every
evaluation, so that the errors of the steps average out.
"""

import math

import torch
from torch import Tensor

from lamo.predictors.flow.ode import Field
from lamo.predictors.interface import Randomness
from lamo.predictors.randomness import uniform

STEPS = 20
"""Steps of Heun."""


def log_density(field: Field, value: Tensor, generator: Randomness, steps: int = STEPS) -> Tensor:
    """log p of `value` [B, ...] in nats under the flow along `field` from N(0, I): [B]."""
    x = value.detach().clone().float()
    divergence = torch.zeros(len(x), device=x.device)
    for index in range(steps, 0, -1):
        end, divergence_at_end = _with_divergence(field, x, index / steps, generator)
        guess = x - end / steps
        start, divergence_at_start = _with_divergence(field, guess, (index - 1) / steps, generator)
        x = x - (start + end) / (2 * steps)
        divergence = divergence + (divergence_at_start + divergence_at_end) / (2 * steps)
    normal = -0.5 * (x.square().flatten(1).sum(1) + x[0].numel() * math.log(2 * math.pi))
    return normal - divergence


def _with_divergence(field: Field, x: Tensor, tau: float, generator: Randomness) -> tuple[Tensor, Tensor]:
    """f(x, tau) [B, ...] and an estimate of its divergence [B]."""
    signs = 2.0 * (uniform(tuple(x.shape), generator, x) < 0.5) - 1.0
    with torch.enable_grad():
        place = x.clone().requires_grad_()
        # A view: what counts operations hooks the inputs of modules, and `grad` cannot pass a leaf with a hook.
        velocity = field(place.view_as(place), tau).float()
        (product,) = torch.autograd.grad(velocity, place, signs)
    return velocity.detach(), (product * signs).flatten(1).sum(1)
