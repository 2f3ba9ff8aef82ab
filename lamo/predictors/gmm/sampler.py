"""Samplers of a mixture."""

from dataclasses import dataclass

from lamo.predictors.sampler import PLAIN, Sampler

KNOWN = "sample (a component, then its Gaussian), mean (that of the likeliest component)"


@dataclass(frozen=True, kw_only=True)
class GmmSampler(Sampler):
    """`sample` draws k ~ pi and then the k-th Gaussian; `mean` takes the mean of the likeliest component."""


def parse(name: str) -> GmmSampler | None:
    """Reads `sample` or `mean`; None on any other name."""
    if name == PLAIN:
        return GmmSampler(name=name)
    return GmmSampler(name=name, deterministic=True) if name == "mean" else None
