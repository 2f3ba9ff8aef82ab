"""Whitening: an exact change of coordinates, and heads that start as the linear model in them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_predictors import changed, sampler

from lamo.errors import LamoError
from lamo.predictors.backbone import Features
from lamo.predictors.build import build_predictor
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.gmm.head import GmmHead
from lamo.predictors.interface import Context
from lamo.predictors.whitening import COMMON, FLOOR, Whitening

VALUES = 12


def covariance(rank: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Basis [N, R], covariance of the components [R, R] and variances outside them [N], zero with all components."""
    noise = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(VALUES, rank, generator=noise))[0]
    factor = torch.randn(rank, rank, generator=noise)
    inside = factor @ factor.T / rank + 0.1 * torch.eye(rank)
    outside = torch.rand(VALUES, generator=noise) + 0.05 if rank < VALUES else torch.zeros(VALUES)
    return basis, inside, outside


def fitted(rank: int, seed: int = 0) -> tuple[Whitening, torch.Tensor]:
    basis, inside, outside = covariance(rank, seed)
    whitening = Whitening(VALUES, rank)
    whitening.fit(basis, inside, outside)
    return whitening, basis @ inside @ basis.T + outside.diag()


@given(rank=st.sampled_from([1, 5, VALUES]), seed=st.integers(0, 50))
@settings(max_examples=30)
def test_it_whitens_and_colours_and_knows_the_density(rank, seed):
    whitening, sigma = fitted(rank, seed)
    unit = torch.eye(VALUES).view(VALUES, 3, 4)
    white, coloured = whitening.whiten(unit).flatten(1), whitening.colour(unit).flatten(1)
    torch.testing.assert_close(white.T @ sigma @ white, torch.eye(VALUES), atol=2e-4, rtol=0)
    torch.testing.assert_close(coloured.T @ coloured, sigma, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(whitening.colour(whitening.whiten(unit)), unit, atol=1e-4, rtol=0)
    values = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(seed))
    exact = torch.distributions.MultivariateNormal(torch.zeros(VALUES), sigma).log_prob(values.flatten(1))
    torch.testing.assert_close(whitening.log_density(values), exact, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(whitening.mean_variance(), sigma.diagonal().mean())


def test_with_all_components_it_is_the_symmetric_root():
    whitening, _ = fitted(VALUES)
    root = whitening.whiten(torch.eye(VALUES))
    torch.testing.assert_close(root, root.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rank", [4, VALUES])
def test_small_variances_are_raised_to_the_floor(rank):
    basis, inside, outside = covariance(rank)
    inside[:, 0] = inside[0] = 0.0
    outside[0] = 0.0
    whitening = Whitening(VALUES, rank)
    whitening.fit(basis, inside, outside)
    deviations = torch.linalg.svdvals(whitening.colour(torch.eye(VALUES)))
    assert 0.5 * FLOOR < (deviations[-1] / deviations[0]).square() < 1.5 * FLOOR * VALUES
    assert whitening.log_density(torch.randn(3, VALUES)).isfinite().all()


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_covariance_that_says_nothing_is_refused(bad):
    with pytest.raises(LamoError, match=r"mean variance (0|nan|inf), expected a number above 1e-06.*guess: none"):
        Whitening(VALUES, VALUES).fit(torch.eye(VALUES), torch.full((VALUES, VALUES), bad), torch.zeros(VALUES))


def test_autocast_does_not_round():
    whitening, _ = fitted(5)
    values = torch.randn(3, VALUES)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = whitening.colour(whitening.whiten(values))
    torch.testing.assert_close(rounded, values, atol=1e-5, rtol=0)


@pytest.mark.parametrize("steps", ["1", "4", "20", "2-heun"])
def test_a_new_flow_draws_its_noise_for_any_number_of_steps(steps):
    head = FlowHead(6, 8, 16, 2, white=True).requires_grad_(False)
    features = Features(torch.randn(7, 2, 3, 8))
    drawn = head.sample(features, sampler(f"flow-{steps}"), torch.Generator().manual_seed(1))
    noise = torch.randn(7, 2, 3, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn, noise)


def test_a_flow_counts_errors_in_white_and_in_original_units():
    whitening, _ = fitted(5)
    head, features = FlowHead(4, 8, 16, 2, white=True), Features(torch.randn(64, 3, 8))
    target = torch.randn(64, 3, 4)
    plain = head.loss(features, target, torch.Generator().manual_seed(1))
    both = head.loss(features, target, torch.Generator().manual_seed(1), whitening)
    # A new head says nothing, and white targets have unit variance in either count.
    torch.testing.assert_close(both / plain, torch.tensor(2.0), atol=0.15, rtol=0)
    # An error along the direction in which all values move together weighs as much as that direction varies.
    with torch.no_grad():
        head.out.bias.copy_(torch.full((4,), 0.5))
    moved = whitening.colour(torch.full((1, 3, 4), 0.5)).square().mean() / whitening.mean_variance()
    more = head.loss(features, target, torch.Generator().manual_seed(1), whitening) - both
    torch.testing.assert_close(more, 0.25 + moved, atol=0.2, rtol=0.2)


def test_a_new_mixture_has_mean_zero_and_unit_variance():
    mixture = GmmHead(6, 8, 5, 0.1, white=True).mixture(Features(torch.randn(7, 2, 3, 8), torch.randn(7, 8)))
    torch.testing.assert_close(mixture.log_weights.exp(), torch.full((7, 5), 0.2))
    assert torch.equal(mixture.mean, torch.zeros_like(mixture.mean))
    torch.testing.assert_close((2 * mixture.log_sigma).exp().mean(1), torch.ones(7, 2, 3, 6))
    assert len(mixture.log_sigma.unique()) == 5


@pytest.mark.parametrize(
    ("name", "label"), [("flow", "flow-1"), ("flow", "flow-5"), ("gmm", "gmm"), ("state", "state-4")]
)
def test_an_untrained_predictor_is_the_linear_model(name, label, config, geometry):
    predictor = build_predictor(changed(config, name, guess="whitened"), geometry).eval().requires_grad_(False)
    shape = (2, 3, 4) if predictor.predicts == "motion" else (6, 5)
    values = int(np.prod(shape))
    noise = torch.Generator().manual_seed(2)
    inside = torch.randn(values, values, generator=noise) / values**0.5
    torch.nn.init.orthogonal_(predictor.linear.basis)
    predictor.linear.bias.copy_(torch.randn(values, generator=noise))
    predictor.linear.residual.fit(predictor.linear.basis, inside @ inside.T + torch.eye(values), torch.zeros(values))
    count = 20_000
    context = Context(
        torch.randn(1, 3, 2, 3, 4).expand(count, -1, -1, -1, -1), torch.randn(1, 4, 6, 5).expand(count, -1, -1, -1)
    )
    drawn = predictor.sample(context, sampler(label), noise) - predictor.guess(context)
    white = predictor.linear.residual.whiten(drawn).flatten(1)
    # A variance is known to 1 % from 20,000 draws, and to 1.5 % where scales are mixed.
    torch.testing.assert_close(white.T @ white / count, torch.eye(values), atol=0.05, rtol=0)
    torch.testing.assert_close(white.mean(0), torch.zeros(values), atol=0.04, rtol=0)


@pytest.mark.parametrize("guess", ["none", "linear", "whitened"])
@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_densities_are_those_of_the_target_in_any_coordinates(name, guess, config, geometry):
    """One Gaussian, whatever the head works on: without guess the standard one, else that of the guess."""
    entry = changed(config, name, guess=guess, **({"components": 1} if name == "gmm" else {}))
    predictor = build_predictor(entry, geometry).eval()
    context = Context(torch.randn(3, 3, 2, 3, 4), torch.randn(3, 4, 6, 5))
    target = torch.randn_like(predictor.past(context)[:, 0])
    if predictor.linear is not None:
        torch.nn.init.orthogonal_(predictor.linear.basis)
        predictor.linear.residual.scale.fill_(0.5)
        predictor.linear.bias.fill_(1.0)
    used = sampler({"flow": "flow-4", "gmm": "gmm", "state": "state-4"}[name])
    found = predictor.log_density(context, target, used, torch.Generator())
    left = (target - predictor.guess(context)).flatten(1)
    if guess == "whitened":
        expected = predictor.log_density(context, target, sampler(f"{name}-linear"), torch.Generator())
    elif name == "gmm":
        expected = torch.distributions.Normal(0.0, 1.0).log_prob(left).sum(1)
        mixture = predictor.head.mixture(predictor.backbone(context))
        expected = torch.distributions.Normal(mixture.mean[:, 0].flatten(1), 1.0).log_prob(left).sum(1)
    else:
        # A plain flow starts at the zero velocity, which leaves the noise as it is.
        expected = torch.distributions.Normal(0.0, 1.0).log_prob(left).sum(1)
    torch.testing.assert_close(found, expected, atol=1e-2, rtol=1e-4)
    nothing = predictor.log_density(context, target, sampler(f"{name}-guess"), torch.Generator())
    assert nothing.isnan().all()


@given(rank=st.sampled_from([5, VALUES]), seed=st.integers(0, 50), detail=st.sampled_from([0.0, 0.4]))
@settings(max_examples=30)
def test_detail_is_all_but_the_fewest_directions_that_hold_the_common_part_of_the_variance(rank, seed, detail):
    whitening, sigma = fitted(rank, seed)
    kept = whitening.common().bool()
    common = whitening.directions[:, kept]
    held = whitening.colour(common.T.reshape(-1, 3, 4)).square().sum((1, 2)) / sigma.trace()
    assert kept.all() or float(held.sum()) > COMMON - 1e-4
    assert float(held.sum() - held.min()) < COMMON + 1e-4
    white = torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(seed))
    kept = (white.flatten(1) @ common @ common.T).view(white.shape)
    torch.testing.assert_close(whitening.colour(kept, detail), whitening.colour(kept), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        whitening.colour(white - kept, detail), detail * whitening.colour(white - kept), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("label", ["flow-4-detail40", "gmm-sample-detail0", "gmm-linear-detail40", "state-4-detail0"])
def test_a_sample_with_less_detail_is_nearer_to_the_guess_and_has_no_density(label, config, geometry):
    predictor = build_predictor(changed(config, label.partition("-")[0], guess="whitened"), geometry).eval()
    predictor.requires_grad_(False)
    torch.nn.init.orthogonal_(predictor.linear.basis)
    values = len(predictor.linear.basis)
    predictor.linear.residual.fit(predictor.linear.basis, torch.rand(values).diag(), torch.zeros(values))
    context = Context(torch.randn(9, 3, 2, 3, 4), torch.randn(9, 4, 6, 5))
    less = sampler(label)
    left = predictor.sample(context, less, torch.Generator().manual_seed(1)) - predictor.guess(context)
    white = predictor.linear.residual.whiten(left).flatten(1)
    residual = predictor.linear.residual
    common = residual.directions[:, residual.common().bool()]
    detail = white - white @ common @ common.T
    assert 0 < common.shape[1] < values / 2
    # Unit variance in all directions, but for the factor.
    assert abs(detail.square().sum() / (9 * (values - common.shape[1])) - less.detail**2) < 0.05
    assert (white @ common).square().mean() > 0.5
    target = torch.randn_like(left)
    assert predictor.log_density(context, target, less, torch.Generator()).isnan().all()
