"""The predictors of config/bdd100k.yaml, twelve layers of width 1152 on states of 224 x 224 frames, train a step."""

import gc
import math
from pathlib import Path

import pytest
import torch
import yaml

from lamo.config import load_config
from lamo.predictors.build import build_predictor
from lamo.predictors.cost import example, size_of
from lamo.tools.plan.geometry import sizes_of
from lamo.training.device import mixed_precision
from lamo.training.learner import Learner
from lamo.training.optim import adamw
from lamo.training.session import Session

CONFIG = Path(__file__).resolve().parents[2] / "config" / "bdd100k.yaml"


@pytest.fixture(scope="module")
def sizes():
    return sizes_of(load_config(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))))


@pytest.fixture(autouse=True)
def _collected():
    """Three gigabytes of weights, gradients and moments go before the next predictor needs as many."""
    yield
    gc.collect()


def test_geometry_is_that_of_the_published_network(sizes):
    shape = sizes.geometry
    assert (shape.history, shape.levels, shape.tokens, shape.motion_width) == (3, 3, 10, 192)
    assert (shape.grid, shape.state_width) == ((14, 14), 384)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_a_step_at_paper_size(name, sizes):
    config, settings = sizes.config.predictors.of(name), sizes.config.predictors.of(name).settings.training
    torch.manual_seed(0)
    model = build_predictor(config, sizes.geometry).train()
    assert sum(p.numel() for p in model.parameters()) == size_of(config, sizes.geometry).parameters > 1.9e8
    noise, (context, motion, state) = torch.Generator().manual_seed(0), example(sizes.geometry, 1)
    target = motion if model.predicts == "motion" else state

    def loss(rows):
        with mixed_precision(torch.device("cpu"), settings.mixed_precision):
            return {"loss": model.loss(context, target, noise)}

    optimizer = adamw([model], settings.learning_rate, settings.weight_decay)
    # Vectors, which decay of the weights leaves alone.
    backbone, head = model.backbone.trunk.norm.bias, list(model.head.parameters())[-1]
    before = [vector.detach().clone() for vector in (backbone, head)]
    found = Learner(loss, [model], optimizer, settings.clip_gradient, Session()).learn(context, 1)
    # Of targets of unit variance: a flow that predicts nothing is off by 2, a mixture of unit sigma by 1.4 nats.
    expected = {"flow": 2.0, "state": 2.0, "gmm": 0.5 * math.log(2 * math.pi) + 0.5 + 0.5}[name]
    assert float(found["loss"]) == pytest.approx(expected, rel=0.2)
    assert 0 < float(found["gradient_norm"]) < math.inf
    # A flow head starts at zero, so that its first step trains its last layer alone.
    moved = [not torch.equal(vector, was) for vector, was in zip((backbone, head), before, strict=True)]
    assert moved == [name == "gmm", True]
    assert all(p.isfinite().all() for p in model.parameters())
