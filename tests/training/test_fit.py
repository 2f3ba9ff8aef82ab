"""What `fit` makes of a task, and single steps without data."""

from functools import partial

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from lamo.decoder.config import DecoderConfig
from lamo.decoder.training import DecoderTask
from lamo.errors import LamoError
from lamo.metrics.config import WorldFeaturesConfig
from lamo.metrics.features.world import WorldNetTask
from lamo.midway.encoder import Encoder
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.pretraining import PretrainingTask, optimisation
from lamo.midway.network_config import EncoderConfig
from lamo.nn.flops import build
from lamo.predictors.build import build_predictor
from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.interface import Geometry
from lamo.predictors.statistics import Statistics
from lamo.predictors.train import PredictorTask
from lamo.training.config import OptimisationConfig
from lamo.training.fit import Optimisation, ShuffledRows, Task, fit
from lamo.training.session import Session

CPU = torch.device("cpu")


class Mean(Task):
    """Moves two numbers towards the mean of the rows, and writes down what is called."""

    def __init__(self, **changes):
        settings = {"steps": 8, "batch": 4, "learning_rate": 0.1, "warmup_steps": 2, "final_learning_rate": 0.02}
        self.model = torch.nn.Linear(1, 1)
        self.calls = []
        super().__init__("mean", OptimisationConfig(**settings | changes), {"model": self.model})

    def loss(self, rows):
        return {"loss": (self.model(torch.ones(len(rows), 1)) - rows).square().mean()}

    def example_rows(self, batch):
        return torch.zeros(batch, 1)

    def before_step(self, index, optimizer):
        self.calls.append(("before", index, optimizer.param_groups[0]["lr"]))
        return {"momentum": 0.5}

    def after_step(self, index):
        self.calls.append(("after", index))


def trained(task, session=None, **options):
    rows = torch.arange(12.0)[:, None]
    return fit(task, ShuffledRows(12, lambda picks: rows[picks], task.config.batch, 0), session or Session(), **options)


def test_the_hooks_of_a_task_surround_each_step_and_see_its_learning_rate():
    task = Mean()
    trained(task)
    assert [call[:2] for call in task.calls] == [(when, i) for i in range(8) for when in ("before", "after")]
    rates = [call[2] for call in task.calls if call[0] == "before"]
    assert rates[:3] == pytest.approx([0.05, 0.1, 0.1])
    assert rates == [*rates[:2], *sorted(rates[2:], reverse=True)]
    assert 0.02 < rates[-1] < 0.03


def test_what_a_task_says_of_a_step_is_logged_with_the_loss_and_the_rate():
    row = trained(Mean()).state_dict()["rows"][0]
    assert (row["momentum"], row["learning_rate"]) == (0.5, 0.05)
    assert {"loss", "gradient_norm", "samples", "data_wait_share"} <= row.keys()


@pytest.mark.parametrize(("clip", "clipped"), [(0.0, False), (1e-3, True)])
def test_a_clip_of_nothing_clips_nothing(clip, clipped):
    task = Mean(clip_gradient=clip)
    optimisation = Optimisation(task)
    optimisation.step(0, torch.full((4, 1), 10.0), 4)
    norm = torch.stack([p.grad.norm() for p in task.model.parameters()]).norm()
    assert bool(norm < 1.1e-3) == clipped


def test_a_task_can_end_its_training_by_its_check():
    task = Mean()

    def check(index, values):
        if index >= 5:
            raise LamoError(f"step {index}: enough")

    task.check = check
    with pytest.raises(LamoError, match="step 7: enough; no earlier state was kept"):
        trained(task)


def test_validation_comes_at_its_steps_and_at_the_end():
    rows = trained(Mean(), validate=lambda: {"held_out": 1.0}, validate_every=3).state_dict()["rows"]
    assert [row["step"] for row in rows if "held_out" in row] == [3, 6, 7]


def decoder() -> DecoderTask:
    config = DecoderConfig.model_validate({"depth": 1, "width": 16, "heads": 2, "training": {"mixed_precision": False}})
    return DecoderTask(config, 5, (2, 3), 4, CPU)


def features() -> WorldNetTask:
    return WorldNetTask(WorldFeaturesConfig(width=4), (16, 24), 3, CPU)


def pretraining() -> PretrainingTask:
    shape = EncoderConfig.model_validate({"patch": 8, "width": 16, "depth": 2, "heads": 2, "levels": [0, 1]})
    return PretrainingTask(build(lambda: Encoder(shape, (16, 24))), optimisation(MidwayTrainingConfig()), CPU)


def predictor(name: str) -> PredictorTask:
    backbone = {"depth": 1, "width": 16, "heads": 2}
    entries = {name: {"kind": name, "samplers": ["guess"]}}
    entry = PredictorsConfig.model_validate({"backbone": backbone, "entries": entries}).of(name)
    geometry = Geometry(history=3, levels=1, tokens=3, motion_width=4, grid=(2, 3), state_width=5)
    motion = torch.zeros(1, 3, 4)
    state = torch.zeros(5)
    statistics = Statistics(motion, torch.ones_like(motion), state, torch.ones_like(state))
    model = build(lambda: build_predictor(entry, geometry))
    return PredictorTask(name, model, geometry, statistics, entry.settings.training, 0, CPU)


TASKS = {
    "decoder": decoder, "features": features, "pretraining": pretraining,
    **{name: partial(predictor, name) for name in ("flow", "gmm", "state")},
}  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_a_step_is_taken_without_data(name):
    task = TASKS[name]()
    before = [p.detach().clone() for p in task.parameters()]
    values = Optimisation(task).step(0, task.example_rows(3), 3)
    assert torch.isfinite(torch.tensor([float(value) for value in values.values()])).all()
    assert any(not torch.equal(old, new) for old, new in zip(before, task.parameters(), strict=True))


@pytest.mark.parametrize("name", TASKS)
def test_the_operations_of_a_step_are_counted_on_fake_tensors(name):
    def counted(batch):
        with FakeTensorMode(allow_non_fake_inputs=True):
            task = TASKS[name]()
            optimisation = Optimisation(task)
            rows = task.example_rows(batch)
            with FlopCounterMode(display=False) as counter:
                optimisation.step(0, rows, batch)
        return counter.get_total_flops()

    assert 0 < counted(2) < counted(4) <= 2 * counted(2)
