"""Mixture density, entropy term and sampling."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from lamo.predictors.backbone import Features
from lamo.predictors.gmm.head import GmmHead, Mixture


def random_mixture(batch: int, components: int, seed: int) -> Mixture:
    noise = torch.Generator().manual_seed(seed)
    shape = (batch, components, 2, 3, 4)
    return Mixture(
        torch.randn(batch, components, generator=noise).double().log_softmax(-1),
        torch.randn(shape, generator=noise).double(),
        0.5 * torch.randn(shape, generator=noise).double(),
    )


@given(components=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_density_equals_torch_distributions(components, seed):
    mixture = random_mixture(3, components, seed)
    value = torch.randn(3, 2, 3, 4, generator=torch.Generator().manual_seed(seed + 1)).double()
    reference = MixtureSameFamily(
        Categorical(logits=mixture.log_weights), Independent(Normal(mixture.mean, mixture.log_sigma.exp()), 3)
    )
    torch.testing.assert_close(mixture.log_density(value), reference.log_prob(value))


def test_one_component_is_a_gaussian():
    mixture, value = random_mixture(2, 1, 0), torch.randn(2, 2, 3, 4).double()
    gaussian = Normal(mixture.mean[:, 0], mixture.log_sigma[:, 0].exp())
    torch.testing.assert_close(mixture.log_density(value), gaussian.log_prob(value).flatten(1).sum(1))


def test_density_is_stable_far_from_every_mean():
    mixture = random_mixture(1, 3, 0)
    assert mixture.log_density(torch.full((1, 2, 3, 4), 1e3).double()).isfinite().all()


def test_entropy_lies_between_certainty_and_uniform():
    uniform = Mixture(torch.full((1, 4), -math.log(4.0)), torch.zeros(1, 4, 1), torch.zeros(1, 4, 1))
    certain = Mixture(torch.tensor([[50.0, 0.0, 0.0]]).log_softmax(-1), torch.zeros(1, 3, 1), torch.zeros(1, 3, 1))
    assert float(uniform.entropy_of_weights()) == pytest.approx(math.log(4.0))
    assert float(certain.entropy_of_weights()) == pytest.approx(0.0, abs=1e-6)


def head(entropy_weight: float = 0.0, bounds: tuple[float, float] = (-3.0, 1.0)) -> GmmHead:
    torch.manual_seed(0)
    new = GmmHead(token_width=4, context_width=8, components=3, log_sigma_range=bounds, entropy_weight=entropy_weight)
    nn.init.normal_(new.parameters_of_position[2].weight)
    return new


def features(scale: float = 1.0) -> Features:
    noise = torch.Generator().manual_seed(1)
    return Features(scale * torch.randn(5, 2, 3, 8, generator=noise), scale * torch.randn(5, 8, generator=noise))


def test_loss_is_the_negative_log_likelihood_per_value_less_the_weighted_entropy():
    target = torch.randn(5, 2, 3, 4)
    mixture = head().mixture(features())
    plain, regular = (head(weight).loss(features(), target, torch.Generator()) for weight in (0.0, 0.7))
    torch.testing.assert_close(plain, -mixture.log_density(target).mean() / 24)
    torch.testing.assert_close(plain - regular, 0.7 * mixture.entropy_of_weights().mean() / 24)


def test_sigma_stays_within_its_bounds_whatever_the_features():
    log_sigma = head(bounds=(-3.0, 1.0)).mixture(features(scale=1e4)).log_sigma.detach()
    assert float(log_sigma.min()) >= -3.0
    assert float(log_sigma.max()) <= 1.0


def test_new_head_has_unit_sigma_where_the_bounds_allow():
    new = GmmHead(token_width=4, context_width=8, components=3, log_sigma_range=(-4.0, 1.0), entropy_weight=0.0)
    torch.testing.assert_close(new.mixture(features()).log_sigma, torch.zeros(5, 3, 2, 3, 4), rtol=0, atol=1e-6)
    narrow = GmmHead(token_width=4, context_width=8, components=3, log_sigma_range=(-3.0, -1.0), entropy_weight=0.0)
    assert narrow.mixture(features()).log_sigma.isfinite().all()


def test_weights_come_from_the_readout_only_and_means_from_the_positions_only():
    base, other = features(), features(scale=2.0)
    first = head().mixture(base)
    readout, tokens = (
        head().mixture(Features(base.tokens, other.readout)),
        head().mixture(Features(other.tokens, base.readout)),
    )
    assert torch.equal(first.mean, readout.mean)
    assert torch.equal(first.log_weights, tokens.log_weights)
    assert not torch.equal(first.log_weights, readout.log_weights)
    assert not torch.equal(first.mean, tokens.mean)


def test_samples_follow_weights_means_and_sigmas():
    count = 20000
    mixture = Mixture(
        torch.tensor([0.2, 0.8]).log().expand(count, 2),
        torch.tensor([[-5.0, -5.0], [5.0, 6.0]]).expand(count, 2, 2),
        torch.tensor([[0.1, 0.1], [0.5, 1.0]]).log().expand(count, 2, 2),
    )
    sample = mixture.sample(torch.Generator().manual_seed(0))
    second = sample[:, 0] > 0
    assert torch.equal(second, sample[:, 1] > 0), "one component index is shared by all values"
    assert float(second.float().mean()) == pytest.approx(0.8, abs=0.01)
    torch.testing.assert_close(sample[second].mean(0), torch.tensor([5.0, 6.0]), rtol=0, atol=0.03)
    torch.testing.assert_close(sample[second].std(0), torch.tensor([0.5, 1.0]), rtol=0, atol=0.03)
    assert torch.equal(mixture.likeliest_mean()[0], torch.tensor([5.0, 6.0]))


def test_mixture_is_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixture = head().mixture(features())
    assert {mixture.log_weights.dtype, mixture.mean.dtype, mixture.log_sigma.dtype} == {torch.float32}
