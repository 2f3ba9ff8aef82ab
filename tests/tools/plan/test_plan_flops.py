"""Counted operations against a real counter on the stages' own code."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lamo.midway.learning.training import DynamicsTraining
from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway
from lamo.nn.flops import count_flops
from lamo.stores.windows import ShardArray
from lamo.tools.plan.flops import cpu_matmul, measure
from lamo.tools.plan.geometry import sizes_of
from lamo.tools.plan.inference import inference_units
from lamo.tools.plan.pieces import Pieces
from lamo.tools.plan.training import training_units
from lamo.tools.plan.units import Unit
from lamo.training.session import Session

CPU = torch.device("cpu")


def counted(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def planned(unit):
    return sum(factor * count_flops(make) for factor, make in unit.parts)


def units_of(config):
    sizes = sizes_of(config)
    pieces = Pieces(sizes)
    units = training_units(sizes, pieces) + inference_units(sizes, pieces, 120, 4)
    return sizes, {(unit.rule, unit.name): unit for unit in units}


def shards(sizes, clips=3, frames=20):
    rows = np.random.default_rng(0).integers(0, 256, (clips * frames, *sizes.image, 3), dtype=np.uint8)
    return [ShardArray(rows, np.arange(clips + 1) * frames)]


PUBLISHED = {
    "encoder": {"levels": [0, 1, 3], "drop_path": 0.1},
    "form": "published",
    "forward": {"depth": 2},
    "training": {
        "unroll": [1], "batch": 4, "both_directions": True, "augmentation": {"scale": [0.2, 0.4], "light": True},
    },
}  # fmt: skip


@pytest.mark.parametrize("midway", [{}, PUBLISHED], ids=["compact", "published"])
def test_a_step_of_the_dynamics_is_that_of_the_training(config_of, midway):
    sizes, units = units_of(config_of("tiny.yaml", midway=midway))
    model, held_out = Midway(sizes.midway, sizes.image), shards(sizes)
    model.student.requires_grad_(not model.form.pretrained)
    training = DynamicsTraining(model, sizes.config.midway.training, shards(sizes), held_out, 0, Session(CPU), 5.0)
    model.train()
    # The first steps are those without unrolling; in the very first the prototypes of DINO are frozen.
    assert planned(units["midway_train", "dynamics, 1 unrolled, step"]) == counted(lambda: training._step(1))


def test_a_validation_is_that_of_the_training(config_of):
    sizes, units = units_of(config_of("tiny.yaml"))
    model = Midway(sizes.midway, sizes.image)
    validation = Validation(model, shards(sizes), shards(sizes, clips=12), 0, CPU, True, True)
    validation()
    reads = counted(lambda: [validation.readout(torch.zeros(64, 9, 24)) for _ in range(6)])
    assert planned(units["midway_train", "validation"]) == counted(validation) - reads


def test_all_units_are_counted_as_they_run(config_of):
    """Also those that are sums of smaller works, at a batch of 1, or extrapolated over integration steps."""
    # Some windows of a batch are more work than others.
    flow = {"samplers": ["7", "4-heun"], "coupling": "attention", "shortcut_share": 0.25}
    changes = {"rollouts": {"batch": 3}, "latents": {"batch": 3}, "predictors": {"entries": {"flow": flow}}}
    _, units = units_of(config_of("tiny.yaml", **changes))
    assert ("rollouts_predict", "flow-7, batch of windows") in units
    others = [unit for (rule, name), unit in units.items() if rule != "midway_train" or name == "pre-training, step"]
    assert len(others) == 11
    for unit in others:
        assert planned(unit) == counted(unit.make(unit.batch)), unit.name


def test_a_linear_layer_by_hand():
    def make(batch):
        layer, inputs = nn.Linear(3, 5), torch.zeros(batch, 3)
        return lambda: layer(inputs)

    (one,) = measure([Unit("rule", "name", 10, 4, make)], matmul=1e9)
    assert one.flops == 2 * 4 * 3 * 5
    assert one.total_flops == 1200
    assert one.core_s > 0


def test_what_is_too_large_is_counted_and_not_timed(config_of):
    _, units = units_of(config_of("bdd100k.yaml"))
    step = units["predictors_train", "state, step"]
    assert (step.times, step.batch) == (3 * 82_000, 256)
    (one,) = measure([step], matmul=1e9)
    assert one.core_s is None
    # Three passes of two operations for each weight of the trunk and each of the 5 x 196 tokens, and of attention.
    tokens, depth, width = 5 * 196, 12, 1152
    expected = 3 * 256 * tokens * depth * (2 * 12 * width**2 + 4 * tokens * width)
    assert one.flops == pytest.approx(expected, rel=0.05)


def test_matrix_products_are_timed():
    assert cpu_matmul() > 1e8
