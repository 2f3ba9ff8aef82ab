"""Names of the ways to sample a predictor."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from lamo.errors import LamoError

SamplerKind = Literal[
    "flow", "state", "gmm", "gmm-mean",
    "flow-anchor", "gmm-anchor", "state-anchor", "flow-linear", "gmm-linear", "state-linear",
]  # fmt: skip
Solver = Literal["euler", "midpoint", "heun"]


@dataclass(frozen=True)
class Sampler:
    """How a trained predictor is sampled.

    Attributes:
        name: as in file names and tables, e.g. flow-20.
        kind: flow and state integrate the flow; gmm draws k ~ pi and then the Gaussian; gmm-mean takes the mean of the
            likeliest component. What leaves the head out shows what the head adds: ...-anchor takes the
            predictor's anchor, ...-linear draws from the linear anchor and the Gaussian of what it leaves.
        steps: integration steps of flow and state, 0 for the others.
        solver: explicit integrator; euler unless the name ends in another one. A step of midpoint or heun costs two
            evaluations of the head.
    """

    name: str
    kind: SamplerKind
    steps: int = 0
    solver: Solver = "euler"

    @classmethod
    def parse(cls, name: str) -> "Sampler":
        """Reads `flow-20`, `flow-10-heun`, `state-20`, `gmm`, `gmm-mean`, NAME-anchor or NAME-linear.

        Raises:
            LamoError: on any other name, and on zero steps.
        """
        if name in get_args(SamplerKind) and name not in ("flow", "state"):
            return cls(name, cast(SamplerKind, name))
        match = re.fullmatch(r"(flow|state)-([0-9]+)(?:-(euler|midpoint|heun))?", name)
        if match is not None and int(match[2]) < 1:
            raise LamoError(
                f"sampler {name!r} asks for {match[2]} integration steps; expected at least 1 (e.g. {match[1]}-20)"
            )
        if match is None:
            raise LamoError(
                f"sampler {name!r} is not known; expected gmm, gmm-mean, flow-N or state-N with N >= 1 integration "
                "steps, optionally followed by -euler, -midpoint or -heun (e.g. flow-20, flow-10-heun), or NAME-anchor "
                "or NAME-linear of flow, gmm or state"
            )
        return cls(name, cast(SamplerKind, match[1]), int(match[2]), cast(Solver, match[3] or "euler"))

    @property
    def predictor(self) -> Literal["flow", "gmm", "state"]:
        """Name of the predictor that it samples: flow, gmm or state."""
        return cast(Literal["flow", "gmm", "state"], self.kind.partition("-")[0])

    @property
    def evaluations(self) -> int:
        """Evaluations of the head for one sample: two per step of midpoint and heun; the mixture's head runs once, one
        that is left out not at all."""
        if not self.with_head:
            return 0
        return max(1, self.steps) * (1 if self.solver == "euler" else 2)

    @property
    def deterministic(self) -> bool:
        """Whether all samples of one context are the same."""
        return self.kind == "gmm-mean" or self.kind.endswith("-anchor")

    @property
    def with_head(self) -> bool:
        """Whether the head has a part in it."""
        return not self.anchors

    @property
    def anchors(self) -> tuple[str, ...]:
        """Anchors of which one must be there, for a sampler that leaves the head out."""
        return {"anchor": ("last", "linear"), "linear": ("linear",)}.get(self.kind.partition("-")[2], ())
