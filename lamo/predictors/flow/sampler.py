"""Samplers that integrate a flow."""

import re
from dataclasses import dataclass
from typing import Literal

from lamo.errors import LamoError
from lamo.predictors.sampler import Sampler

Solver = Literal["euler", "heun"]
KNOWN = "N or N-heun with N integration steps (e.g. 20)"


@dataclass(frozen=True, kw_only=True)
class FlowSampler(Sampler):
    """Integrates the flow in `steps` equal steps of `solver`; a step of heun costs two evaluations of the head."""

    steps: int
    solver: Solver = "euler"


def parse(name: str) -> FlowSampler | None:
    """Reads N or N-heun; None on any other name.

    Raises:
        LamoError: there are zero steps.
    """
    match = re.fullmatch(r"(0|[1-9][0-9]*)(-heun)?", name)
    if match is None:
        return None
    steps = int(match[1])
    if steps < 1:
        raise LamoError(f"found {name!r}, which asks for {steps} integration steps; expected at least 1 (e.g. 20)")
    solver: Solver = "heun" if match[2] else "euler"
    return FlowSampler(name=name, evaluations=steps * (2 if solver == "heun" else 1), steps=steps, solver=solver)
