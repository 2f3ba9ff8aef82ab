"""Conditional flow matching on tokens (paper 4.4.1, eq. 10 and 11).

Shapes: ... any leading axes (batch and token positions), D token width, d context width.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from lamo.errors import LamoError
from lamo.nn.transformer import SelfAttention, init_weights
from lamo.predictors.backbone import Features
from lamo.predictors.flow import gaussian
from lamo.predictors.flow.density import log_density
from lamo.predictors.flow.ode import Field, integrate
from lamo.predictors.flow.sampler import FlowSampler
from lamo.predictors.interface import Randomness, Sampler
from lamo.predictors.randomness import normal, uniform
from lamo.predictors.whitening import Whitening

TAU_WIDTH = 128


@dataclass(frozen=True)
class PathPoint:
    """A point of the straight path: position x_tau and the velocity there."""

    position: Tensor
    velocity: Tensor


def straight_path(x0: Tensor, x1: Tensor, tau: Tensor) -> PathPoint:
    """x_tau = (1 - tau) x_0 + tau x_1 (eq. 10) with the constant velocity x_1 - x_0; tau broadcasts against x."""
    return PathPoint((1 - tau) * x0 + tau * x1, x1 - x0)


def embed_tau(tau: Tensor, width: int = TAU_WIDTH) -> Tensor:
    """Sinusoidal embedding of tau in [0, 1]: [B] -> [B, width], periods from 2 pi / 1000 to 20 pi."""
    frequencies = torch.exp(torch.linspace(math.log(1000.0), math.log(0.1), width // 2, device=tau.device))
    angle = tau[:, None] * frequencies
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class AdaLnBlock(nn.Module):
    """Residual two-layer MLP, its normalised input shifted and scaled and its output gated by the condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(condition).chunk(3, dim=-1)
        return x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)


class AdaLnAttention(nn.Module):
    """Residual self-attention among the tokens of a step [B, ..., D], all middle axes, modulated as in `AdaLnBlock`.

    It needs no positions: the condition, made of h_t, says which token is which.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = SelfAttention(width, heads, qkv_bias=True)
        self.modulation = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(condition).chunk(3, dim=-1)
        normed = (self.norm(x) * (1 + scale) + shift).flatten(1, -2)
        return x + gate * self.attention(normed).view_as(x)


class FlowHead(nn.Module):
    """Velocity v(x_tau, tau | h_t) of each token, and the loss and sampler built on it.

    Without `attention_heads` each token is sampled by itself given the context (the paper); with them, attention
    between the blocks lets the tokens of a step agree with each other.

    On `white` values it learns what the velocity differs from that between two unit Gaussians, which is integrated
    exactly (`lamo.predictors.flow.gaussian`): a new head draws from N(0, I).

    The head is at least as wide as a token: the velocity contains the noise x_0, which a narrower one cannot carry.

    Raises:
        LamoError: the heads of the attention do not divide that width.
    """

    def __init__(
        self, token_width: int, context_width: int, width: int, blocks: int, attention_heads: int = 0,
        white: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        width = max(width, token_width)
        if attention_heads and width % attention_heads:
            raise LamoError(
                f"coupling is 'attention' and the head {width} wide (the larger of its key `width` and a token); "
                f"expected a multiple of the {attention_heads} heads of the backbone; change its width"
            )
        self.token_width, self.width, self.white = token_width, width, white
        self.x_in = nn.Linear(token_width, width)
        self.context_in = nn.Linear(context_width, width)
        self.tau_in = nn.Sequential(nn.Linear(TAU_WIDTH, width), nn.SiLU(), nn.Linear(width, width))
        layers: list[AdaLnBlock | AdaLnAttention] = []
        for _ in range(blocks):
            if attention_heads:
                layers.append(AdaLnAttention(width, attention_heads))
            layers.append(AdaLnBlock(width))
        self.blocks = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, token_width)
        self.apply(init_weights)
        # Every block starts as the identity and the head as the zero velocity.
        for layer in [*(block.modulation for block in layers), self.modulation, self.out]:
            nn.init.zeros_(layer.weight)

    def velocity(self, x: Tensor, tau: Tensor, tokens: Tensor) -> Tensor:
        """v(x_tau, tau | h_t), on white values u, [B, ..., D].

        Args:
            x: x_tau, [B, ..., D].
            tau: [B].
            tokens: h_t, [B, ..., d].
        """
        time = _spread(self.tau_in(embed_tau(tau)), x)
        condition = F.silu(self.context_in(tokens) + time)
        x = self.x_in(x)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.modulation(condition).chunk(2, dim=-1)
        return self.out(self.norm(x) * (1 + scale) + shift)

    def loss(
        self, features: Features, target: Tensor, generator: Generator, whitening: Whitening | None = None
    ) -> Tensor:
        """Flow-matching objective (eq. 11), mean over batch, positions and dimensions; target x_1 [B, ..., D].

        With `whitening` the error counts in the original units too, in parts of their mean variance. White units alone
        make all directions count alike, and an error that is the same in every token, small in each, is many standard
        deviations of the one direction in which tokens move together. A head that can represent the mean velocity has
        it as its optimum in all units; one whose tokens do not see each other gets a compromise between the two.
        """
        x0 = normal(tuple(target.shape), generator, target)
        tau = uniform((target.shape[0],), generator, target)
        point = straight_path(x0, target, _spread(tau, target))
        velocity = point.velocity
        if self.white:
            velocity = velocity - _spread(gaussian.rate(tau), target) * point.position
        error = self.velocity(point.position, tau, features.tokens).float() - velocity
        if whitening is None:
            return error.square().mean()
        return error.square().mean() + whitening.colour(error).square().mean() / whitening.mean_variance()

    def sample(self, features: Features, sampler: Sampler, generator: Randomness) -> Tensor:
        """Integrates the velocity from x_0 ~ N(0, I) at tau = 0 to tau = 1; [B, ..., D].

        Raises:
            LamoError: the sampler is not one of a flow's.
        """
        if not isinstance(sampler, FlowSampler):
            raise LamoError(f"sampler {sampler.label}: found a {type(sampler).__name__}, expected a FlowSampler")
        tokens = features.tokens
        x0 = normal((*tokens.shape[:-1], self.token_width), generator, tokens)
        return integrate(self._field(tokens), x0, sampler.steps, sampler.solver)

    def log_density(self, features: Features, value: Tensor, sampler: Sampler, generator: Randomness) -> Tensor:
        """log p of the flow for value [B, ..., D], by its ordinary differential equation whatever the sampler: [B].

        An estimate without bias, up to the error of the integration (`lamo.predictors.flow.density`).
        """
        # Gradients cannot be taken of tensors that were made for inference alone.
        with torch.inference_mode(False):
            return log_density(self._field(features.tokens.detach().clone()), value, generator)

    def _field(self, tokens: Tensor) -> Field:
        """What a sample integrates, given h_t [B, ..., d]: x on plain values, w = x / c on white ones."""

        def field(x: Tensor, tau: float) -> Tensor:
            times = x.new_full((len(x),), tau)
            if not self.white:
                return self.velocity(x, times, tokens)
            c = _spread(gaussian.scale(times), x)
            return self.velocity(c * x, times, tokens) / c

        return field


def _spread(values: Tensor, like: Tensor) -> Tensor:
    """Values of each row, [B] or [B, width], as they broadcast against `like` [B, ..., D]."""
    return values.view(len(values), *(1,) * (like.ndim - 2), -1)
