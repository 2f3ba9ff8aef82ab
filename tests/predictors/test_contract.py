"""One contract for all predictors."""

import json
from dataclasses import replace

import pytest
import torch

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor, load_predictor, save_predictor
from lamo.predictors.interface import Context, Predictor, Sampler

NAMES = ("flow", "gmm", "state")
SAMPLERS = {
    "flow": ("flow-1", "flow-5", "flow-3-heun", "flow-3-midpoint"),
    "gmm": ("gmm", "gmm-mean"),
    "state": ("state-4",),
}
EVERY_SAMPLER = [(name, sampler) for name in NAMES for sampler in (*SAMPLERS[name], f"{name}-anchor", f"{name}-linear")]
VARIANTS = [(name, {"anchor": anchor}) for name in NAMES for anchor in ("none", "last", "linear")]
VARIANTS += [
    ("flow", {"coupling": "attention"}),
    ("flow", {"shortcut_share": 0.25}),
    ("state", {"coupling": "attention"}),
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shaken(predictor: Predictor) -> Predictor:
    """All weights moved off their initial values, those of the anchor too, so that nothing is zero by construction."""
    with torch.no_grad():
        anchor = [buffer for name, buffer in predictor.named_buffers() if name.startswith("linear.")]
        for tensor in (*predictor.parameters(), *anchor):
            tensor.add_(0.1 * torch.randn_like(tensor))
    return predictor


def with_anchor(name: str, config, geometry) -> Predictor:
    head = getattr(config, name).model_copy(update={"anchor": "linear"})
    return shaken(build_predictor(config.model_copy(update={name: head}).of(name), geometry)).eval()


def target_of(predictor: Predictor, context: Context) -> torch.Tensor:
    return torch.randn_like(context.motion[:, 0] if predictor.predicts == "motion" else context.states[:, 0])


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture(params=VARIANTS, ids=str)
def predictor(request, config, geometry) -> Predictor:
    name, changes = request.param
    head = getattr(config, name).model_copy(update=changes)
    return shaken(build_predictor(config.model_copy(update={name: head}).of(name), geometry))


def test_loss_is_a_finite_scalar(predictor, context):
    loss = predictor.loss(context, target_of(predictor, context), seeded(0))
    assert loss.shape == ()
    assert loss.isfinite()


@pytest.mark.parametrize(("name", "sampler"), EVERY_SAMPLER)
def test_samples_have_the_target_shape_and_follow_the_generator(name, sampler, config, geometry, context):
    predictor, sampler = with_anchor(name, config, geometry), Sampler.parse(sampler)
    target = target_of(predictor, context)
    first, again, other = (predictor.sample(context, sampler, seeded(seed)) for seed in (1, 1, 2))
    assert first.shape == target.shape
    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert torch.equal(first, other) == sampler.deterministic


@pytest.mark.parametrize(("name", "sampler"), EVERY_SAMPLER)
def test_rows_with_their_own_generator_do_not_depend_on_the_batch(name, sampler, config, geometry, context):
    predictor, sampler = with_anchor(name, config, geometry), Sampler.parse(sampler)
    together = predictor.sample(context, sampler, [seeded(i) for i in range(4)])
    alone = [
        predictor.sample(Context(context.motion[i : i + 1], context.states[i : i + 1]), sampler, [seeded(i)])
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

    monkeypatch.setattr("lamo.predictors.guessed.corrupt", spy)
    target = target_of(predictor, context)
    predictor.eval().loss(context, target, seeded(0))
    assert calls == []
    predictor.train().loss(context, target, seeded(0))
    assert calls == [predictor.context_noise_max] == [0.3]


def test_motion_predictors_read_motion_and_current_state_the_baseline_all_states(predictor, context):
    predictor.eval()
    sampler = Sampler.parse(SAMPLERS[predictor.name][-1])

    def changes(context: Context) -> bool:
        base = predictor.sample(original, sampler, seeded(0))
        return not torch.allclose(base, predictor.sample(context, sampler, seeded(0)), atol=1e-6)

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
    head = getattr(config, name)
    head = head.model_copy(update={"training": head.training.model_copy(update={"context_noise_max": 0.0})})
    predictor = build_predictor(config.model_copy(update={name: head}).of(name), geometry)
    target = target_of(predictor, context)
    optimizer, noise = torch.optim.AdamW(predictor.parameters(), lr=3e-3), seeded(0)
    for _ in range(250):
        optimizer.zero_grad()
        predictor.loss(context, target, noise).backward()
        optimizer.step()
    sampler = Sampler.parse({"flow": "flow-20", "gmm": "gmm-mean", "state": "state-20"}[name])
    with torch.no_grad():
        error = (predictor.sample(context, sampler, seeded(1)) - target).square().mean()
    assert error < 0.2 * target.square().mean()


@torch.no_grad()
def test_saved_and_loaded_is_the_same(name, config, geometry, context, tmp_path):
    predictor, sampler = shaken(build_predictor(config.of(name), geometry)).eval(), Sampler.parse(SAMPLERS[name][0])
    save_predictor(tmp_path, predictor, config.of(name), geometry)
    loaded = load_predictor(tmp_path)
    assert not loaded.training
    # Not to the bit: torch multiplies differently when the weights take no gradient.
    samples = [p.sample(context, sampler, seeded(0)) for p in (loaded, predictor)]
    torch.testing.assert_close(*samples, rtol=1e-4, atol=1e-5)


def test_a_flow_predictor_saved_before_there_were_switches_is_loaded(config, geometry, tmp_path):
    save_predictor(tmp_path, build_predictor(config.of("flow"), geometry), config.of("flow"), geometry)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    for key in ("coupling", "shortcut_share"):
        del content["predictor"]["head"][key]
    path.write_text(json.dumps(content))
    assert (
        load_predictor(tmp_path).state_dict().keys() == build_predictor(config.of("flow"), geometry).state_dict().keys()
    )


def test_without_history(name, config, geometry):
    geometry = replace(geometry, history=0)
    predictor = build_predictor(config.model_copy(update={"history": 0}).of(name), geometry)
    context = Context(torch.zeros(2, 0, 2, 3, 4), torch.randn(2, 1, 6, 5))
    target = torch.randn(2, 2, 3, 4) if predictor.predicts == "motion" else torch.randn(2, 6, 5)
    predictor.loss(context, target, seeded(0)).backward()
    assert predictor.sample(context, Sampler.parse(SAMPLERS[name][0]), seeded(0)).shape == target.shape


def test_another_predictors_sampler_is_refused(name, config, geometry, context):
    predictor = build_predictor(config.of(name), geometry)
    for other, samplers in SAMPLERS.items():
        if other != name:
            with pytest.raises(LamoError, match="does not belong"):
                predictor.sample(context, Sampler.parse(samplers[0]), seeded(0))


def test_heads_are_at_least_as_wide_as_a_token(config, geometry):
    wide = replace(geometry, state_width=77, motion_width=55)
    assert build_predictor(config.of("state"), wide).head.width == 77
    assert build_predictor(config.of("flow"), wide).head.width == 55
