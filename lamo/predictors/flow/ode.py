"""Fixed-step explicit integrators of dx/dtau = v(x, tau) from tau = 0 to 1."""

from collections.abc import Callable

from torch import Tensor

from lamo.errors import LamoError

Field = Callable[[Tensor, float], Tensor]


def euler_step(field: Field, x: Tensor, tau: float, step: float) -> Tensor:
    """First order, one evaluation."""
    return x + step * field(x, tau)


def heun_step(field: Field, x: Tensor, tau: float, step: float) -> Tensor:
    """Second order, two evaluations (explicit trapezoid)."""
    start = field(x, tau)
    end = field(x + step * start, tau + step)
    return x + 0.5 * step * (start + end)


SOLVERS = {"euler": euler_step, "heun": heun_step}


def integrate(field: Field, x: Tensor, steps: int, solver: str = "euler") -> Tensor:
    """Integrates from tau = 0 to 1 on a uniform grid.

    Args:
        field: velocity v(x, tau), of x's shape.
        x: value at tau = 0, any shape.
        steps: number of equal steps.
        solver: euler or heun.

    Returns:
        The value at tau = 1.

    Raises:
        LamoError: fewer than one step, or an unknown solver.
    """
    if steps < 1:
        raise LamoError(f"the flow was to be integrated in {steps} steps; expected at least 1")
    if solver not in SOLVERS:
        raise LamoError(f"solver {solver!r} is not known; expected one of {', '.join(SOLVERS)}")
    advance = SOLVERS[solver]
    for index in range(steps):
        x = advance(field, x, index / steps, 1.0 / steps)
    return x
