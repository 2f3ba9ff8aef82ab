"""One contract for all predictors."""

import json
from dataclasses import replace

import pytest
import torch
from made_predictors import KINDS, changed, sampler

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor, load_predictor, save_predictor
from lamo.predictors.gmm.head import GmmHead
from lamo.predictors.interface import Context, Predictor
from lamo.predictors.kinds import find_kind
from lamo.predictors.sampler import row_label

NAMES = KINDS
# The sampler of validations, and those that are listed here.
VALIDATED_BY = {name: row_label(name, find_kind(name).validated_by) for name in NAMES}
SAMPLERS = {name: (label,) for name, label in VALIDATED_BY.items()} | {
    "flow": ("flow-1", "flow-5", "flow-3-heun"),
    "gmm": ("gmm", "gmm-mean"),
    "state": ("state-4",),
}
EVERY_SAMPLER = [(name, label) for name in NAMES for label in (*SAMPLERS[name], f"{name}-guess", f"{name}-linear")]
VARIANTS = [(name, {"guess": guess}) for name in NAMES for guess in ("none", "linear", "whitened")]
VARIANTS += [
    ("flow", {"coupling": "attention"}),
    ("state", {"coupling": "attention"}),
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shaken(predictor: Predictor) -> Predictor:
    """All weights moved off their initial values, those of the guess too, so that nothing is zero by construction."""
    with torch.no_grad():
        guess = [buffer for name, buffer in predictor.named_buffers() if name.startswith("linear.")]
        for tensor in (*predictor.parameters(), *guess):
            tensor.add_(0.1 * torch.randn_like(tensor))
    return predictor


def with_guess(name: str, config, geometry) -> Predictor:
    return shaken(build_predictor(changed(config, name, guess="linear"), geometry)).eval()


def target_of(predictor: Predictor, context: Context) -> torch.Tensor:
    return torch.randn_like(context.motion[:, 0] if predictor.predicts == "motion" else context.states[:, 0])


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture(params=VARIANTS, ids=str)
def predictor(request, config, geometry) -> Predictor:
    name, changes = request.param
    return shaken(build_predictor(changed(config, name, **changes), geometry))


def test_loss_is_a_finite_scalar(predictor, context):
    loss = predictor.loss(context, target_of(predictor, context), seeded(0))
    assert loss.shape == ()
    assert loss.isfinite()


@pytest.mark.parametrize(("name", "label"), EVERY_SAMPLER)
def test_samples_have_the_target_shape_and_follow_the_generator(name, label, config, geometry, context):
    predictor, used = with_guess(name, config, geometry), sampler(label)
    target = target_of(predictor, context)
    first, again, other = (predictor.sample(context, used, seeded(seed)) for seed in (1, 1, 2))
    assert first.shape == target.shape
    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert torch.equal(first, other) == used.deterministic


@pytest.mark.parametrize(("name", "label"), EVERY_SAMPLER)
def test_rows_with_their_own_generator_do_not_depend_on_the_batch(name, label, config, geometry, context):
    predictor, used = with_guess(name, config, geometry), sampler(label)
    together = predictor.sample(context, used, [seeded(i) for i in range(4)])
    alone = [
        predictor.sample(Context(context.motion[i : i + 1], context.states[i : i + 1]), used, [seeded(i)])
        for i in range(4)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_loss_follows_the_generator_only(predictor, context):
    target = target_of(predictor, context)
    first = predictor.loss(context, target, seeded(3))
    torch.randn(7)
    assert torch.equal(first, predictor.loss(context, target, seeded(3)))


def test_gradients_reach_everything(predictor, context):
    predictor.loss(context, target_of(predictor, context), seeded(0)).backward()
    unreached = [key for key, p in predictor.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert unreached == []


def test_context_is_corrupted_in_training_only(predictor, context, monkeypatch):
    calls = []

    def spy(context, sigma_max, generator):
        calls.append(sigma_max)
        return context

    monkeypatch.setattr("lamo.predictors.head_predictor.corrupt", spy)
    target = target_of(predictor, context)
    predictor.eval().loss(context, target, seeded(0))
    assert calls == []
    predictor.train().loss(context, target, seeded(0))
    assert calls == [predictor.context_noise_max] == [0.3]


def test_motion_predictors_read_motion_and_current_state_the_baseline_all_states(predictor, context):
    predictor.eval()
    # What each kind draws with in one step, or one component.
    used = sampler("gmm" if isinstance(predictor.head, GmmHead) else "flow-4")

    def changes(context: Context) -> bool:
        base = predictor.sample(original, used, seeded(0))
        return not torch.allclose(base, predictor.sample(context, used, seeded(0)), atol=1e-6)

    original = context
    motion, first, last = context.motion.clone(), context.states.clone(), context.states.clone()
    motion[:, 0] += 1.0
    first[:, 0] += 1.0
    last[:, -1] += 1.0
    is_motion = predictor.predicts == "motion"
    assert changes(replace(context, motion=motion)) == is_motion
    assert changes(replace(context, states=first)) != is_motion
    assert changes(replace(context, states=last))


def test_overfits_a_tiny_batch(name, config, geometry, context):
    predictor = build_predictor(changed(config, name, training={"context_noise_max": 0.0}), geometry)
    target = target_of(predictor, context)
    optimizer, noise = torch.optim.AdamW(predictor.parameters(), lr=3e-3), seeded(0)
    for _ in range(250):
        optimizer.zero_grad()
        predictor.loss(context, target, noise).backward()
        optimizer.step()
    used = sampler({"flow": "flow-20", "gmm": "gmm-mean", "state": "state-20"}.get(name, VALIDATED_BY[name]))
    with torch.no_grad():
        error = (predictor.sample(context, used, seeded(1)) - target).square().mean()
    assert error < 0.2 * target.square().mean()


@torch.no_grad()
def test_saved_and_loaded_is_the_same(name, config, geometry, context, tmp_path):
    predictor, used = shaken(build_predictor(config.of(name), geometry)).eval(), sampler(SAMPLERS[name][0])
    save_predictor(tmp_path, predictor, config.of(name), geometry)
    loaded = load_predictor(tmp_path)
    assert not loaded.training
    # Not to the bit: torch multiplies differently when the weights take no gradient.
    samples = [p.sample(context, used, seeded(0)) for p in (loaded, predictor)]
    torch.testing.assert_close(*samples, rtol=1e-4, atol=1e-5)


def test_a_predictor_of_before_there_were_entries_is_refused_with_what_to_do(config, geometry, tmp_path):
    save_predictor(tmp_path, build_predictor(config.of("flow"), geometry), config.of("flow"), geometry)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    predictor = content["predictor"]
    content["predictor"] = {
        "name": predictor["kind"],
        "history": predictor["history"],
        "backbone": predictor["backbone"],
        "head": {"anchor": "none", "width": 32},
    }
    path.write_text(json.dumps(content))
    with pytest.raises(LamoError, match=r"config\.json: found a predictor of an earlier version .*; train it again"):
        load_predictor(tmp_path)


def test_without_history(name, config, geometry):
    geometry = replace(geometry, history=0)
    # Without a token nothing can be guessed from tokens.
    without_guess = {"guess": "none"} if find_kind(name).guesses else {}
    predictor = build_predictor(changed(config, name, history=0, **without_guess), geometry)
    context = Context(torch.zeros(2, 0, 2, 3, 4), torch.randn(2, 1, 6, 5))
    target = torch.randn(2, 2, 3, 4) if predictor.predicts == "motion" else torch.randn(2, 6, 5)
    predictor.loss(context, target, seeded(0)).backward()
    assert predictor.sample(context, sampler(SAMPLERS[name][0]), seeded(0)).shape == target.shape


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_another_predictors_sampler_is_refused(name, config, geometry, context):
    predictor = build_predictor(config.of(name), geometry)
    label = "flow-1" if name == "gmm" else "gmm-mean"
    with pytest.raises(LamoError, match=f"sampler {label}: found a .*, expected a "):
        predictor.sample(context, sampler(label), seeded(0))
    with pytest.raises(LamoError, match="found a predictor without a linear guess, expected guess: linear"):
        predictor.sample(context, sampler(f"{name}-guess"), seeded(0))


def test_heads_are_at_least_as_wide_as_a_token(config, geometry):
    wide = replace(geometry, state_width=77, motion_width=55)
    assert build_predictor(config.of("state"), wide).head.width == 77
    assert build_predictor(config.of("flow"), wide).head.width == 55
