"""How trained predictors are sampled, and the names of the rows that this makes.

In the configuration a sampler stands in its predictor's entry by its bare name: 20, mean, guess. The label of its row
in tables, comparisons and file names is that name behind the entry's: flow-20, gmm-mean. Any that draws from a whitened
head or its linear model can end in -detailP, which scales what it draws in the directions of detail to P percent.
"""

import re
from dataclasses import dataclass

from lamo.errors import LamoError

PLAIN = "sample"
"""The sampler of kinds that have only one way to draw; its row is called like the entry."""


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """One way to sample a predictor; kinds with settings of their own have a class of their own.

    Attributes:
        name: as in the entry of the configuration, e.g. 20.
        label: of the row, e.g. flow-20; the name where no entry is known.
        deterministic: whether all samples of one context are the same.
        evaluations: of the head for one sample.
        detail: factor on what is drawn in the whitened directions of detail (`Whitening.colour`). Only samplers of
            kinds with a guess can have another than 1; their predictors apply it, or raise `LamoError`.
    """

    name: str
    label: str = ""
    deterministic: bool = False
    evaluations: int = 1
    detail: float = 1.0

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name)


@dataclass(frozen=True, kw_only=True)
class GuessSampler(Sampler):
    """Leaves the head out, which shows what the head adds.

    `guess` is the linear guess alone; `linear` adds a draw from the Gaussian of what the guess leaves.
    """

    evaluations: int = 0

    @classmethod
    def parse(cls, name: str) -> "GuessSampler | None":
        """The sampler of that name; None if it is another kind of name."""
        if name == "guess":
            return cls(name="guess", deterministic=True)
        return cls(name="linear") if name == "linear" else None


def split_detail(name: str) -> tuple[str, float]:
    """A sampler's name without its ending "-detailP", and the share that P percent are; 1 if there is none."""
    match = re.fullmatch(r"(.+)-detail(0|[1-9][0-9]?)", name)
    return (match[1], int(match[2]) / 100) if match else (name, 1.0)


def row_label(entry: str, sampler: str) -> str:
    """Label of the row of an entry's sampler: flow and 20 give flow-20, gmm and sample give gmm."""
    return entry if sampler == PLAIN else f"{entry}-{sampler}"


def sampler_name(entry: str, label: str) -> str:
    """Bare name of the sampler of a row of `entry`, the inverse of `row_label`.

    Raises:
        LamoError: the row is not one of the entry's.
    """
    if label == entry:
        return PLAIN
    if not label.startswith(f"{entry}-"):
        raise LamoError(f"row {label!r} does not belong to predictor {entry}; expected {entry} or {entry}-SAMPLER")
    return label.removeprefix(f"{entry}-")
