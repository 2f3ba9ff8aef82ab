"""A predictor and the forward dynamics that are trained together: the loss, what is trained, what is refused."""

import copy

import numpy as np
import pytest
import torch
from made_predictors import predictors, sampler
from midway.conftest import COMPACT, IMAGE, shaken

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.sampling import FrameWindows
from lamo.midway.network import Midway
from lamo.predictors.build import build_predictor
from lamo.predictors.end_to_end import EndToEndConfig
from lamo.predictors.interface import Geometry
from lamo.predictors.statistics import Statistics
from lamo.rollout.end_to_end import EndToEndTask, train_end_to_end
from lamo.rollout.frozen_models import LatentModels, Observation
from lamo.rollout.roll import roll
from lamo.stores.windows import ShardArray
from lamo.training.fit import Optimisation
from lamo.training.session import Session

CPU = torch.device("cpu")
RATE = 5.0
HISTORY = 3


@pytest.fixture
def network() -> Midway:
    torch.manual_seed(0)
    return shaken(Midway(MidwayConfig.model_validate(COMPACT), IMAGE)).eval().requires_grad_(False)


@pytest.fixture
def models(network) -> LatentModels:
    inverse, width = network.config.inverse, COMPACT["encoder"]["width"]
    size = (network.levels, inverse.tokens, inverse.width)
    numbers = [torch.zeros(size), torch.ones(size), torch.zeros(width), torch.ones(width)]
    return LatentModels(network, Statistics(*numbers), (0,), CPU)


@pytest.fixture(params=["flow", "gmm"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def predictor(network, kind):
    inverse = network.config.inverse
    shape = (HISTORY, network.levels, inverse.tokens, inverse.width)
    config = predictors({"flow": {"width": 16}}, backbone={"depth": 1, "width": 16, "heads": 2}).of(kind)
    return shaken(build_predictor(config, Geometry(*shape, network.grid, COMPACT["encoder"]["width"]))).eval()


def task(models, network, predictor, kind, **settings) -> EndToEndTask:
    drawn = sampler("flow-2" if kind == "flow" else "gmm")
    config = EndToEndConfig(of=kind, sampler=drawn.name, horizon_s=0.6, **settings)
    predictor.requires_grad_(False)
    return EndToEndTask("together", models, copy.deepcopy(network), predictor, drawn, config, RATE, 0)


def clip(count: int, length: int = HISTORY + 4) -> FrameWindows:
    frames = np.random.default_rng(0).integers(0, 256, (count, length, *IMAGE, 3), dtype=np.uint8)
    return FrameWindows(torch.from_numpy(frames))


@torch.no_grad()
def test_the_loss_is_the_energy_score_of_rolled_out_states(models, network, predictor, kind):
    """Against a rollout by hand, summed window by window and step by step."""
    one = task(models, network, predictor, kind, mixed_precision=False)
    rows = clip(2)
    found = one.scores(rows, torch.Generator().manual_seed(5))
    observed = Observation(models, rows.frames, HISTORY)
    future = roll(models, observed.start().repeated(2), predictor, one.sampler, torch.Generator().manual_seed(5))
    total = 0.0
    for step in range(3):
        drawn, truth = future.step(), observed.state(HISTORY + 1 + step)
        for window in range(2):
            first, second = drawn[2 * window].double(), drawn[2 * window + 1].double()
            size = first.numel() ** 0.5
            distances = [(one - truth[window].double()).norm() / size for one in (first, second)]
            total += float(sum(distances) / 2 - (first - second).norm() / size / 2) / 6
    assert float(found["loss"]) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("trained", ["both", "dynamics", "predictor"])
def test_only_what_was_named_is_trained(models, network, predictor, kind, trained):
    before = copy.deepcopy((predictor.state_dict(), network.state_dict()))
    one = task(models, network, predictor, kind, trained=trained, weight_decay=0.0)
    Optimisation(one).step(0, clip(2), 2)

    def moved(old, new):
        return {name for name, value in new.items() if not torch.equal(value, old[name])}

    dynamics = moved(before[1], one.forward.state_dict())
    parts = ("forward_dynamics.", "motion_proj.", "source_laterals.")
    assert all(name.startswith(parts) for name in dynamics)
    assert bool(dynamics) == (trained != "predictor")
    assert bool(moved(before[0], predictor.state_dict())) == (trained != "dynamics")
    # The network that encodes and infers is another one.
    assert not moved(before[1], network.state_dict())


def test_a_later_step_teaches_the_first_one(models, network, predictor, kind):
    """The gradient of the last step's error reaches what was drawn in the first."""
    one = task(models, network, predictor, kind)
    drawn = []

    def kept(_module, _inputs, output):
        output.retain_grad()
        drawn.append(output)

    last = [layer for layer in predictor.head.modules() if isinstance(layer, torch.nn.Linear)][-1]
    last.register_forward_hook(kept)
    observed = Observation(models, clip(2).frames, HISTORY)
    future = roll(one.stepped, observed.start(), predictor, one.sampler, torch.Generator().manual_seed(0))
    for _ in range(3):
        state = future.step()
    (state - observed.state(HISTORY + 3)).square().mean().backward()
    assert drawn[0].grad.abs().sum() > 0


def test_training_lowers_the_score_of_held_out_windows(models, network, predictor, kind):
    frames = np.random.default_rng(1).integers(0, 256, (40, *IMAGE, 3), dtype=np.uint8)
    train, held_out = ([ShardArray(part, np.array([0, 20]))] for part in (frames[:20], frames[20:]))
    settings = {"steps": 12, "learning_rate": 3e-3, "validate_every": 1, "batch": 4, "warmup_steps": 1}
    drawn = sampler("flow-2" if kind == "flow" else "gmm")
    config = EndToEndConfig(of=kind, sampler=drawn.name, horizon_s=0.6, **settings)
    forward = copy.deepcopy(network)
    log = train_end_to_end("together", models, forward, predictor, drawn, config, (train, held_out), RATE, 0, Session())
    checked = [row["validation_loss"] for row in log.rows if "validation_loss" in row]
    assert checked[-1] < 0.95 * checked[0]
    assert not any(weight.requires_grad for weight in network.parameters())


def entries(**values):
    return {"predictors": {"entries": {"flow-joint": {"kind": "flow", "samplers": ["4"], **values}}}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"end_to_end": {"of": "gmm"}}, "end_to_end.of: found 'gmm', expected a trained entry of kind flow: flow"),
        ({"end_to_end": {"of": "nothing"}}, "end_to_end.of: found 'nothing'"),
        ({"end_to_end": {"of": "flow-joint"}}, "end_to_end.of: found 'flow-joint'"),
        ({"end_to_end": {"of": "flow"}, "history": 2}, "end_to_end: found history beside it"),
        ({"end_to_end": {"of": "flow", "sampler": "guess"}}, "end_to_end.sampler: found 'guess'"),
        ({"end_to_end": {"of": "flow", "sampler": "nonsense"}}, "end_to_end.sampler: found 'nonsense'"),
        ({"end_to_end": {"of": "flow", "horizon_s": 0.5}}, "horizon_s: found 0.5 s, expected a multiple of 0.2 s"),
        ({"end_to_end": {"of": "flow", "horizon_s": 60}}, "predictors.entries.flow-joint.end_to_end.horizon_s"),
    ],
)
def test_an_entry_that_cannot_be_trained_is_refused(values, message):
    with pytest.raises(LamoError) as error:
        load_config(entries(**values))
    assert message in str(error.value)


def test_the_state_baseline_has_no_dynamics_to_train():
    with pytest.raises(LamoError, match="end_to_end: found it with kind state, expected a kind that predicts motion"):
        load_config(
            {"predictors": {"entries": {"joint": {"kind": "state", "samplers": ["4"], "end_to_end": {"of": "state"}}}}}
        )


def test_such_an_entry_is_the_predictor_of_the_other():
    config = load_config(entries(end_to_end={"of": "flow"}))
    assert config.predictors.of("flow-joint") == config.predictors.of("flow")
