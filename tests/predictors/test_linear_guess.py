"""The linear guess: least squares, what it is fitted on, and predictors that start from it."""

import numpy as np
import pytest
import torch
from made_predictors import predictors, sampler

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.linear_guess import FOLDS, LinearGuess, _principal_components

GEOMETRY = Geometry(2, 1, 3, 4, (2, 2), 5)


def fit(guess: LinearGuess, past: torch.Tensor, target: torch.Tensor, part: int = 256) -> LinearGuess:
    """`guess`, fitted on these windows; they are read in parts."""

    def read(count):
        for start in range(0, count, part):
            yield past[start : min(start + part, count)], target[start : min(start + part, count)]

    guess.fit(read, len(past))
    return guess


def windows(count: int = 400, lags: int = 1, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Past [count, lags, 2, 3] and a next value that is a known affine map of it with a little noise."""
    rng = np.random.default_rng(0)
    past = rng.normal(size=(count, lags, 6))
    matrix, bias = rng.normal(size=(lags * 6, 6)), rng.normal(size=6)
    target = past.reshape(count, -1) @ matrix + bias + noise * rng.normal(size=(count, 6))
    as_tensor = [torch.from_numpy(a).float().unflatten(-1, (2, 3)) for a in (past, target)]
    return as_tensor[0], as_tensor[1], matrix


@pytest.mark.parametrize("lags", [1, 2])
def test_it_is_ridge_regression(lags):
    past, target, _ = windows(lags=lags)
    guess = LinearGuess((2, 3), lags, ridge=0.03)
    fit(guess, past, target, part=70)
    # Independently: the normal equations in the original coordinates, which a full basis only rotates.
    x = np.column_stack([past.flatten(1).numpy(), np.ones(400)]).astype(np.float64)
    y = target.flatten(1).numpy().astype(np.float64)
    penalty = 0.03 * 400 * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    found = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    expected = (x @ found).reshape(400, 2, 3)
    np.testing.assert_allclose(guess(past).numpy(), expected, atol=1e-4)


def test_samples_are_the_guess_and_a_gaussian_of_what_it_leaves():
    noise = 0.1
    past, target, _ = windows(20_000, noise=noise)
    guess = LinearGuess((2, 3), 1, ridge=1e-9)
    fit(guess, past, target)
    draws = guess.sample(past, torch.Generator().manual_seed(0)) - guess(past)
    # White noise of known size; 20,000 draws know a variance to 1 %. Products in float32 round at 1e-5 of the values.
    found = np.cov(draws.flatten(1).numpy().T)
    np.testing.assert_allclose(found, noise**2 * np.eye(6), atol=4 * noise**2 * (2 / 20_000) ** 0.5 + 3e-5)
    np.testing.assert_allclose(draws.flatten(1).mean(0), 0, atol=4 * noise / 20_000**0.5 + 1e-4)


@pytest.mark.parametrize("ridge", [1e-9, 0.1])
def test_what_the_guess_leaves_is_measured_on_windows_that_it_was_not_fitted_on(ridge):
    held_out, told = [], []
    for seed in range(40):
        rng = torch.Generator().manual_seed(seed)
        matrix = torch.randn(12, 12, generator=rng) / 12**0.5
        past = torch.randn(540, 1, 2, 6, generator=rng)
        target = (past.flatten(1) @ matrix + torch.randn(540, 12, generator=rng)).view(540, 2, 6)
        guess = LinearGuess((2, 6), 1, ridge)
        fit(guess, past[:40], target[:40])
        held_out.append((guess(past[40:]) - target[40:]).square().mean())
        told.append(guess.residual.colour(torch.eye(12).view(12, 2, 6)).square().sum() / 12)
    # Of 40 windows 13 degrees of freedom are fitted: on the windows themselves it would be about half of this. A fold
    # has fewer windows to be fitted on than the whole, so that a little more is left.
    ratio = torch.stack(told).mean() / torch.stack(held_out).mean()
    assert 0.95 < ratio < 1.35


def test_training_windows_are_guessed_without_their_own_fold():
    """Of 40 windows 13 degrees of freedom are fitted: windows of the fit leave far less than others do."""
    noise = torch.Generator().manual_seed(3)
    past, target = torch.randn(48, 1, 2, 6, generator=noise), torch.randn(48, 2, 6, generator=noise)
    guess = fit(LinearGuess((2, 6), 1, 1e-9), past, target)
    place = torch.arange(48) / 48
    found = guess(past, place)
    for fold in range(FOLDS):
        others = place.mul(FOLDS).long() != fold
        alone = fit(LinearGuess((2, 6), 1, 1e-9), past[others], target[others])
        torch.testing.assert_close(found[~others], alone(past[~others]), atol=2e-2, rtol=0)
    # In any order, and only if a place is given.
    order = torch.randperm(48, generator=noise)
    torch.testing.assert_close(guess(past[order], place[order]), found[order])
    left = [float((target - made).square().mean()) for made in (guess(past), found)]
    assert left[0] < 0.8 < 1.1 < left[1]


def test_samples_vary_by_as_much_as_the_guess_leaves_inside_and_outside_the_components(monkeypatch):
    monkeypatch.setattr("lamo.predictors.linear_guess.ALL_VALUES", 5)
    monkeypatch.setattr("lamo.predictors.linear_guess.RANK", 2)
    past, target, _ = windows(4000)
    guess = LinearGuess((2, 3), 1, 0.03)
    fit(guess, past, target)
    left = (target - guess(past)).flatten(1).square().mean(dim=0)
    drawn = (guess.sample(past, torch.Generator().manual_seed(0)) - guess(past)).flatten(1).var(dim=0)
    torch.testing.assert_close(drawn.sum(), left.sum(), rtol=0.05, atol=0)
    assert guess.basis.shape == (6, 2)
    assert 0.2 < guess.residual.scale.square().sum() / left.sum() < 0.9


def test_there_must_be_a_few_windows():
    past, target, _ = windows(7)
    with pytest.raises(LamoError, match="fitted on training windows: found 7, expected at least 8"):
        fit(LinearGuess((2, 3), 1, 0.03), past, target)
    past, target, _ = windows(8)
    guess = fit(LinearGuess((2, 3), 1, 0.03), past, target)
    assert guess.sample(past, torch.Generator()).isfinite().all()


def test_what_never_changes_is_refused():
    past, _, _ = windows(40)
    with pytest.raises(LamoError, match="has the mean variance 0, expected a number above 1e-06"):
        fit(LinearGuess((2, 3), 1, 0.03), past, torch.zeros(40, 2, 3))


def test_what_is_guessed_exactly_is_refused():
    past, target, _ = windows(20_000, noise=0.0)
    with pytest.raises(LamoError, match=r"has the mean variance .*, expected a number above 1e-06"):
        fit(LinearGuess((2, 3), 1, ridge=1e-9), past, target)


def test_of_few_windows_the_covariance_of_few_components_is_taken():
    """With fewer windows than values a covariance of all values would be one of the windows at hand."""
    noise = torch.Generator().manual_seed(0)
    guess = LinearGuess((4, 25), 1, 0.03)
    fit(guess, torch.randn(60, 1, 4, 25, generator=noise), torch.randn(60, 4, 25, generator=noise))
    fresh = torch.randn(500, 4, 25, generator=noise)
    white = guess.residual.whiten(fresh - guess(torch.randn(500, 1, 4, 25, generator=noise)))
    # 1 if the covariance were known; without the limit it is above 10.
    assert 0.8 < white.square().mean() < 2.0


def test_a_row_is_sampled_the_same_whatever_rows_are_beside_it():
    past, target, _ = windows()
    guess = LinearGuess((2, 3), 1, 0.03)
    fit(guess, past, target)
    both = guess.sample(past[:2], [torch.Generator().manual_seed(seed) for seed in (1, 2)])
    alone = guess.sample(past[1:2], [torch.Generator().manual_seed(2)])
    torch.testing.assert_close(both[1:], alone, atol=1e-6, rtol=0)


def test_only_the_last_lags_are_read_and_autocast_does_not_round():
    past, target, _ = windows()
    guess = LinearGuess((2, 3), 1, 0.03)
    fit(guess, past, target)
    longer = torch.cat([torch.full_like(past, 7.0), past], dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = guess(longer)
    torch.testing.assert_close(rounded, guess(past), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(guess(past), target, atol=1.0, rtol=0)


@pytest.mark.parametrize("rows", [4, 200])
def test_principal_components_are_those_of_the_singular_value_decomposition(rows):
    values = torch.randn(rows, 30, generator=torch.Generator().manual_seed(1)) * torch.linspace(3, 0.5, 30)
    found = _principal_components(values, 3)
    centred = (values - values.mean(0)).double()
    right = torch.linalg.svd(centred, full_matrices=False)[2][:3].T
    torch.testing.assert_close((found.double().T @ right).abs(), torch.eye(3).double(), atol=1e-4, rtol=0)


def test_beyond_what_the_rows_tell_components_are_zero():
    found = _principal_components(torch.randn(3, 10, generator=torch.Generator().manual_seed(1)), 8)
    norms = found.norm(dim=0)
    torch.testing.assert_close(norms, torch.tensor([1.0] * 2 + [0.0] * 6), atol=1e-5, rtol=0)


def test_what_the_components_do_not_see_of_a_sample_is_not_carried_on():
    past = torch.randn(50, 2, 30, 2, generator=torch.Generator().manual_seed(1))
    guess = LinearGuess((30, 2), 2, 0.03)
    fit(guess, past, past[:, -1])
    noise = torch.randn(50, 2, 60, generator=torch.Generator().manual_seed(2))
    noise = noise - noise @ guess.basis @ guess.basis.T
    assert noise.std() > 0.3
    torch.testing.assert_close(guess(past + noise.view_as(past)), guess(past), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_the_head_models_what_the_guess_leaves(name):
    config = predictors({name: {"guess": "linear"}}, history=2, backbone={"depth": 1, "width": 16, "heads": 2})
    torch.manual_seed(0)
    model = build_predictor(config.of(name), GEOMETRY).eval()
    assert model.whitening is None
    torch.nn.init.normal_(model.linear.basis)
    torch.nn.init.normal_(model.linear.weight)
    context = Context(torch.randn(5, 2, 1, 3, 4), torch.randn(5, 3, 4, 5))
    alone = model.sample(context, sampler(f"{name}-guess"), torch.Generator())
    assert torch.equal(alone, model.guess(context))
    assert alone.abs().mean() > 0.1
    model.linear.residual.scale.fill_(0.1)
    drawn = model.sample(context, sampler(f"{name}-linear"), torch.Generator().manual_seed(4))
    assert torch.equal(drawn, model.linear.sample(model.past(context), torch.Generator().manual_seed(4)))
    assert not torch.equal(drawn, alone)
    # The same loss for the same residual, whatever the guess.
    residual = torch.randn_like(alone)
    losses = [model.loss(context, guess + residual, torch.Generator().manual_seed(3)) for guess in (alone,)]
    model.linear.weight.zero_()
    model.linear.bias.zero_()
    losses.append(model.loss(context, model.guess(context) + residual, torch.Generator().manual_seed(3)))
    torch.testing.assert_close(*losses)
