"""The training log and the loop that fills it."""

import math

import pyarrow.parquet as pq
import pytest
import torch

from lamo.errors import LamoError
from lamo.training.loop import TrainingLog, run_training


def table(log: TrainingLog, path):
    log.write(path / "log.parquet")
    return pq.read_table(path / "log.parquet")


def run(path, steps, **options):
    calls = []

    def step(index):
        calls.append(index)
        return {"loss": torch.tensor(10.0 - index), "rate": 0.5}

    log = run_training(step, steps, 4, "test", **options)
    return calls, table(log, path).to_pandas()


def test_values_that_are_not_logged_at_a_step_are_null(tmp_path):
    log = TrainingLog()
    assert log.add(0, {"loss": torch.tensor(2.5)}) == {"loss": 2.5}
    log.add(20, {"loss": 1.5})
    log.add(20, {"held_out": 3.0})
    columns = table(log, tmp_path).to_pydict()
    assert columns == {"step": [0, 20, 20], "loss": [2.5, 1.5, None], "held_out": [None, None, 3.0]}


def test_an_empty_log_can_be_written(tmp_path):
    assert table(TrainingLog(), tmp_path).num_rows == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan)])
def test_a_value_that_is_not_finite_stops_the_training(tmp_path, value):
    log = TrainingLog()
    with pytest.raises(LamoError, match="training step 7: loss is"):
        log.add(7, {"rate": 0.1, "loss": value})
    assert table(log, tmp_path).num_rows == 0
    taken = []

    def step(index):
        taken.append(index)
        return {"loss": value if index >= 4 else 1.0}

    with pytest.raises(LamoError, match="training step 5: loss is"):
        run_training(step, 100, 1, "test", log_every=5)
    assert taken == list(range(6))


def test_every_step_is_taken_once_in_order_and_some_are_logged(tmp_path):
    calls, log = run(tmp_path, 12, log_every=5)
    assert calls == list(range(12))
    assert log["step"].tolist() == [0, 5, 10, 11]
    assert log["loss"].tolist() == [10.0, 5.0, 0.0, -1.0]
    assert log["samples"].tolist() == [4, 24, 44, 48]
    assert (log["samples_per_s"] > 0).all()


def test_validation_runs_at_its_steps_and_at_the_end(tmp_path):
    checks = []

    def validate():
        checks.append(len(checks))
        return {"held_out": float(len(checks))}

    _, log = run(tmp_path, 12, log_every=2, validate=validate, validate_every=4)
    seen = log[log["held_out"].notna()]
    assert seen["step"].tolist() == [4, 8, 11]
    assert seen["held_out"].tolist() == [1.0, 2.0, 3.0]
    assert seen["loss"].isna().all()
    assert len(checks) == 3
    assert run(tmp_path, 12, validate=validate)[1]["held_out"].notna().sum() == 1


def test_validation_need_not_fall_on_a_logged_step(tmp_path):
    _, log = run(tmp_path, 12, log_every=5, validate=lambda: {"held_out": 1.0}, validate_every=4)
    assert log[log["held_out"].notna()]["step"].tolist() == [4, 8, 11]


def test_a_validation_that_is_not_finite_stops_too():
    with pytest.raises(LamoError, match="training step 2: psnr is inf"):
        run_training(lambda i: {"loss": 1.0}, 3, 1, "test", validate=lambda: {"psnr": math.inf})


def test_the_rate_leaves_validation_out(tmp_path, monkeypatch):
    clock = iter([0.0, 2.0, 100.0, 102.0, 200.0, 202.0, 300.0])
    monkeypatch.setattr("lamo.training.loop.time.perf_counter", lambda: next(clock))
    log = run_training(
        lambda i: {"loss": 1.0}, 3, 8, "test", validate=lambda: {"v": 1.0}, validate_every=1, log_every=1
    )
    rates = [rate for rate in table(log, tmp_path).to_pydict()["samples_per_s"] if rate is not None]
    assert rates == [4.0, 4.0, 4.0]
