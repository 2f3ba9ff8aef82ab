"""Gaussian mixture over all motion tokens of a step (paper 4.4.2, eq. 12 and 13).

Shapes: B batch, C mixture components (the paper's M), ... token positions (L, M), D token width, d context width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from lamo.errors import LamoError
from lamo.nn.transformer import init_weights
from lamo.predictors.backbone import Features
from lamo.predictors.gmm.sampler import GmmSampler
from lamo.predictors.interface import Randomness, Sampler
from lamo.predictors.randomness import normal, uniform
from lamo.predictors.whitening import Whitening

LOG_SIGMA_RANGE = (-4.0, 1.0)
"""Bounds of log sigma, in normalised units; own choice, the paper is silent."""
APART = 0.3
"""How far log sigma of the first and the last component lie from the middle at the start, on white values."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of diagonal Gaussians over whole sets of motion tokens, sharing one component index.

    Attributes:
        log_weights: log pi, [B, C].
        mean: mu, [B, C, ..., D].
        log_sigma: log standard deviation, [B, C, ..., D].
    """

    log_weights: Tensor
    mean: Tensor
    log_sigma: Tensor

    def log_density(self, value: Tensor) -> Tensor:
        """log p(value) of eq. 12 for value [B, ..., D], in nats: [B].

        A log-sum-exp over components of the sum over positions and dimensions.
        """
        error = (value.unsqueeze(1) - self.mean) * torch.exp(-self.log_sigma)
        density = -0.5 * error.square() - self.log_sigma - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(self.log_weights + density.flatten(2).sum(-1), dim=1)

    def entropy_of_weights(self) -> Tensor:
        """H(pi) in nats: [B]."""
        return -(self.log_weights.exp() * self.log_weights).sum(-1)

    def sample(self, generator: Randomness) -> Tensor:
        """k ~ pi, then the k-th Gaussian: [B, ..., D]."""
        edges = self.log_weights.exp().cumsum(-1)
        drawn = uniform((len(edges),), generator, edges)
        component = (drawn.unsqueeze(-1) * edges[:, -1:] >= edges).sum(-1).clamp_max(edges.shape[1] - 1)
        mean, log_sigma = _pick(self.mean, component), _pick(self.log_sigma, component)
        return mean + log_sigma.exp() * normal(tuple(mean.shape), generator, mean)

    def likeliest_mean(self) -> Tensor:
        """Mean of the component with the largest weight: [B, ..., D]."""
        return _pick(self.mean, self.log_weights.argmax(-1))


def _pick(values: Tensor, component: Tensor) -> Tensor:
    """values [B, C, ...] at component [B]: [B, ...]."""
    return values[torch.arange(len(component), device=values.device), component]


class GmmHead(nn.Module):
    """Mixture weights from the global readout, means and bounded log sigmas of all components from each position.

    log sigma = min + (max - min) sigmoid(raw) can neither vanish nor explode, whatever the weights.

    On `white` values it starts with the mean and covariance of the linear model: all components have mean 0 and weight
    1/C, and differ in sigma alone, of which the mean square is 1. Some windows leave far more than others, so scale is
    what tells components apart first.
    """

    def __init__(
        self, token_width: int, context_width: int, components: int, entropy_weight: float,
        log_sigma_range: tuple[float, float] = LOG_SIGMA_RANGE, white: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.components, self.token_width = components, token_width
        self.log_sigma_range, self.entropy_weight = log_sigma_range, entropy_weight
        self.weights = nn.Linear(context_width, components)
        self.parameters_of_position = nn.Sequential(
            nn.Linear(context_width, context_width), nn.GELU(), nn.Linear(context_width, 2 * components * token_width)
        )
        self.apply(init_weights)
        self._start(white)

    def _start(self, white: bool) -> None:
        """Targets have unit variance: from another sigma the first gradients go into sigma instead of the means."""
        last = self.parameters_of_position[2]
        assert isinstance(last, nn.Linear)
        means = self.components * self.token_width
        offsets = torch.zeros(self.components)
        if white:
            offsets = torch.linspace(-APART, APART, self.components) if self.components > 1 else offsets
            offsets = offsets - 0.5 * (2 * offsets).exp().mean().log()
            nn.init.zeros_(last.weight[:means])
            nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(last.weight[means:])
        low, high = self.log_sigma_range
        share = ((offsets - low) / (high - low)).clamp(0.05, 0.95)
        with torch.no_grad():
            last.bias[means:] = torch.logit(share).repeat_interleave(self.token_width)

    def mixture(self, features: Features) -> Mixture:
        """The mixture that the context implies; float32 also under autocast, for the sum over thousands of terms."""
        assert features.readout is not None  # the backbone of a mixture has the query for it
        hidden = self.parameters_of_position[:2](features.tokens).float()
        with torch.autocast(hidden.device.type, enabled=False):
            log_weights = self.weights(features.readout.float()).log_softmax(-1)
            raw = self.parameters_of_position[2](hidden)
        raw = raw.unflatten(-1, (2, self.components, self.token_width)).movedim(-2, 1)
        mean, bounded = raw.unbind(-2)
        low, high = self.log_sigma_range
        return Mixture(log_weights, mean, low + (high - low) * bounded.sigmoid())

    def loss(
        self, features: Features, target: Tensor, generator: Generator, whitening: Whitening | None = None
    ) -> Tensor:
        """(-log p - lambda H(pi)) of eq. 13, divided by the number of values of a target: nats per value.

        The division keeps the loss, the gradient norm and so the clipping comparable across token counts; it moves no
        minimum, since both terms are divided. The likelihood is the same in all units, so `whitening` adds nothing.
        """
        mixture = self.mixture(features)
        objective = -mixture.log_density(target) - self.entropy_weight * mixture.entropy_of_weights()
        return objective.mean() / target[0].numel()

    def log_density(self, features: Features, value: Tensor, sampler: Sampler, generator: Randomness) -> Tensor:
        """log p of eq. 12 for value [B, ..., D], exact: [B]."""
        return self.mixture(features).log_density(value)

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor:
        """sample: k ~ pi, then the k-th Gaussian; mean: the mean of the likeliest component. [B, ..., D].

        Raises:
            LamoError: the sampler is not one of a mixture's.
        """
        if not isinstance(sampler, GmmSampler):
            raise LamoError(f"sampler {sampler.label}: found a {type(sampler).__name__}, expected a GmmSampler")
        mixture = self.mixture(features)
        return mixture.likeliest_mean() if sampler.deterministic else mixture.sample(generator)
