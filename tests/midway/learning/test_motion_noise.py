"""Noise on the motion tokens that the forward models are trained with."""

import pytest
import torch

from lamo.midway.learning.dynamics import there_and_back as both_ways
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.network import Midway
from lamo.nn.share import Share, sharing

NOISE = 0.5


def same(one, two) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def heard(monkeypatch, model) -> list[torch.Tensor]:
    """The motion tokens that the forward models of `model` are handed from now on, call by call."""
    calls, noisy = [], model._noisy

    def listening(motion):
        calls.append(noisy(motion))
        return calls[-1]

    monkeypatch.setattr(model, "_noisy", listening)
    return calls


@pytest.fixture
def noisy(make_midway, form) -> Midway:
    return make_midway(form, training={"motion_noise": NOISE}).train()


def test_without_noise_training_and_evaluation_predict_the_same_bits(make_midway, form, states):
    model = make_midway(form)
    before = model.infer(*states).predictions
    assert same(model.train().infer(*states).predictions, before)


def test_it_is_off_in_evaluation_and_after_loading(noisy, states, tmp_path):
    noisy.eval().requires_grad_(False)
    plain = Midway(noisy.config, noisy.image)
    plain.load_state_dict(noisy.state_dict())
    plain.requires_grad_(False)
    expected, motion = plain.infer(*states).predictions, plain.inverse(*states)
    assert same(noisy.infer(*states).predictions, expected)
    noisy.train().save(tmp_path)
    loaded = Midway.load(tmp_path)
    assert loaded.motion_noise == 0.0
    assert same(loaded.step(states[0], motion), plain.step(states[0], motion))
    # The comparison can fail.
    assert not same(noisy.infer(*states).predictions, expected)


def test_it_has_the_configured_deviation_and_leaves_the_inferred_tokens_alone(noisy, monkeypatch):
    states = [tuple(torch.randn(300, 25, 16) for _ in range(4)) for _ in range(2)]
    calls = heard(monkeypatch, noisy)
    with torch.no_grad():
        motion = noisy.infer(*states).motion
    # From the top level down.
    noise = torch.stack(calls[::-1], dim=1) - motion
    count = noise.numel()
    assert count > 20_000
    assert float(noise.std()) == pytest.approx(NOISE, rel=5 / (2 * count) ** 0.5)
    assert abs(float(noise.mean())) < 5 * NOISE / count**0.5
    levels = torch.corrcoef(noise.transpose(0, 1).flatten(1))
    assert (levels - torch.eye(3)).abs().max() < 0.1


def test_unrolled_steps_draw_anew(make_midway, monkeypatch):
    """The second step of a rollout has the tokens of the second transition, with other noise than that has."""
    model = make_midway("compact", training={"motion_noise": NOISE}).train()
    levels = tuple(torch.randn(2, 3, 25, 16) for _ in range(4))
    calls = heard(monkeypatch, model)
    with torch.no_grad():
        DynamicsObjective(model, None)(levels, levels)
        model.eval()
        source, after = (tuple(z[:, steps].flatten(0, 1) for z in levels) for steps in (slice(2), slice(1, 3)))
        # Of the finest level, whose tokens other levels' noise reaches through the predictions that are handed down.
        top = model.infer(source, after).motion[:, -1]
    *inferred, unrolled = calls[:4]
    assert [len(one) for one in calls[:4]] == [4, 4, 4, 2]
    first = (inferred[0] - top).unflatten(0, (2, 2))
    assert float(first.std()) == pytest.approx(NOISE, rel=0.3)
    second = unrolled - inferred[-1].unflatten(0, (2, 2))[:, 1]
    # The difference of two independent draws.
    assert float(second.std()) == pytest.approx(2**0.5 * NOISE, rel=0.3)


@pytest.mark.parametrize("there_and_back", [False, True])
def test_parts_of_a_batch_draw_what_the_batch_draws(noisy, monkeypatch, there_and_back):
    windows = tuple(torch.randn(4, 3, 25, 16) for _ in range(4))
    each = 2 if there_and_back else 1

    def finest(rows: slice) -> torch.Tensor:
        calls = heard(monkeypatch, noisy)
        torch.manual_seed(1)
        levels = tuple(level[rows] for level in windows)
        with torch.no_grad():
            DynamicsObjective(noisy, None)(*[both_ways(levels) if there_and_back else levels] * 2)
        return calls[0].flatten(1)

    whole = finest(slice(None))
    for begin, end in ((0, 1), (1, 4)):
        with sharing(Share.of(begin, end, 4, 1)):
            part = finest(slice(begin, end))
        torch.testing.assert_close(part, whole[2 * each * begin : 2 * each * end], rtol=1e-4, atol=1e-5)
