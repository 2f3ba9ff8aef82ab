"""The losses of prediction against target."""

import pytest
import torch
import torch.nn.functional as F

from lamo.midway.losses import change_weights, motion_loss, token_distance


@pytest.fixture
def pair():
    return torch.randn(2, 5, 8), torch.randn(2, 5, 8)


def correlation(one, two):
    one, two = one - one.mean(-1, keepdim=True), two - two.mean(-1, keepdim=True)
    return (one * two).sum(-1) / (one.norm(dim=-1) * two.norm(dim=-1))


def test_cosine_distance(pair):
    one, two = pair
    expected = 2 - 2 * (one * two).sum(-1) / (one.norm(dim=-1) * two.norm(dim=-1))
    torch.testing.assert_close(token_distance(one, two, "cosine"), expected)
    torch.testing.assert_close(token_distance(7 * one, two, "cosine"), expected)
    torch.testing.assert_close(token_distance(-two, two, "cosine"), torch.full((2, 5), 4.0))
    assert not torch.allclose(token_distance(one + 3, two, "cosine"), expected)


def test_squared_distance_is_two_minus_twice_the_correlation(pair):
    one, two = pair
    distance = token_distance(one, two, "squared")
    torch.testing.assert_close(distance, 2 - 2 * correlation(one, two), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(token_distance(7 * one + 3, two, "squared"), distance, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_a_perfect_prediction_costs_nothing(pair, distance):
    assert float(token_distance(pair[0], pair[0], distance).abs().max()) < 1e-5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_change_weights_follow_the_change_and_have_mean_one(share):
    source = torch.randn(2, 5, 8)
    change = 1 + 0.5 * torch.rand(2, 5, 1)
    weights = change_weights(source, source + change / 8**0.5, share)
    square = change[..., 0] ** 2
    torch.testing.assert_close(weights, 1 - share + share * square / square.mean())
    assert float(weights.mean()) == pytest.approx(1.0, abs=1e-5)


def test_change_weights_are_clamped_and_defined_where_nothing_changes():
    source, target = torch.zeros(1, 20, 4), torch.zeros(1, 20, 4)
    assert torch.equal(change_weights(source, target, 0.8), torch.full((1, 20), 1 - 0.8))
    target[0, 3] = 1.0
    weights = change_weights(source, target, 0.8)
    assert float(weights[0, 3]) == 5.0
    torch.testing.assert_close(weights[0, :3], torch.full((3,), 0.2))


@pytest.mark.parametrize("distance", ["cosine", "squared"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_loss_is_the_weighted_mean_of_each_level_and_their_sum(distance, share):
    predictions = [torch.randn(2, 5, 8) for _ in range(3)]
    source, target = ([torch.randn(2, 5, 8) for _ in range(4)] for _ in range(2))  # the top level is not predicted
    loss = motion_loss(tuple(predictions), tuple(source), tuple(target), distance, share)
    expected = [
        (token_distance(p, t, distance) * (change_weights(s, t, share) if share else 1.0)).mean()
        for p, s, t in zip(predictions, source[:3], target[:3], strict=True)
    ]
    torch.testing.assert_close(loss.levels, tuple(expected))
    torch.testing.assert_close(loss.total, sum(expected))


def test_only_the_prediction_gets_a_gradient():
    prediction, source, target = (torch.randn(2, 5, 8, requires_grad=True) for _ in range(3))
    motion_loss((prediction,), (source,), (target,), "squared", 0.5).total.backward()
    assert prediction.grad.abs().sum() > 0
    assert source.grad is None
    assert target.grad is None


def test_half_precision_is_compared_in_single():
    one = torch.randn(2, 5, 64)
    for distance in ("cosine", "squared"):
        full = token_distance(one.half().float(), F.normalize(one).half().float(), distance)
        assert torch.equal(token_distance(one.half(), F.normalize(one).half(), distance), full)
