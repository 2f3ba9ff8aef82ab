"""Which parameters a step trains: several processes must know before they exchange gradients."""

from pathlib import Path

import pytest
from torch._subclasses.fake_tensor import FakeTensorMode

from lamo.tools.overlay import read_config
from lamo.tools.plan import trainings
from lamo.tools.plan.geometry import sizes_of
from lamo.training.fit import Optimisation

CONFIGS = Path(__file__).resolve().parents[3] / "config"
RUNS = [["config.yaml"], ["published.yaml"], ["bench.yaml", "ablations/midway-2-levels.yaml"]]


def idle(task, index: int, **kind) -> list[str]:
    """Names of the parameters to train that have no gradient after step `index`."""
    Optimisation(task).step(index, task.example_rows(1, **kind), 1)
    named = [one for module in task.modules.values() for one in module.named_parameters()]
    return [name for name, parameter in named if parameter.requires_grad and parameter.grad is None]


@pytest.mark.parametrize("files", RUNS, ids="+".join)
def test_every_step_trains_all_where_a_training_says_so(files):
    config = read_config([CONFIGS / file for file in files])
    sizes, training = sizes_of(config), config.midway.training
    at = {training.unroll_at(index): index for index in range(training.steps)} | {-1: 0}
    with FakeTensorMode(allow_non_fake_inputs=True):
        for index in at.values():
            task = trainings.dynamics_task(sizes)
            found = idle(task, index, unroll=training.unroll_at(index))
            assert not (task.every_step_trains_all and found), (index, found)
        for other in (trainings.decoder_task(sizes), trainings.features_task(sizes)):
            assert other.every_step_trains_all
            assert idle(other, 0) == []
        for entry in config.predictors.entries:
            task = trainings.predictor_task(sizes, entry)
            assert task.every_step_trains_all
            assert idle(task, 0) == []
