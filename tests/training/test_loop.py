"""The training log and the loop that fills it."""

import math
import os
import signal

import pyarrow.parquet as pq
import pytest
import torch

from lamo.errors import LamoError
from lamo.training.checkpoint import Checkpoints
from lamo.training.loop import Training, TrainingLog
from lamo.training.session import Session
from lamo.training.signals import SIGNALS, Stopped, StopRequest
from lamo.training.state_files import read_state


def table(log: TrainingLog, path):
    log.write(path / "log.parquet")
    return pq.read_table(path / "log.parquet")


def run(path, steps, **options):
    calls = []

    def step(index):
        calls.append(index)
        return {"loss": torch.tensor(10.0 - index), "rate": 0.5}

    log = Training("test", steps).run(step, 4, **options)
    return calls, table(log, path).to_pandas()


def test_values_of_one_step_share_a_row_and_values_that_are_not_logged_at_a_step_are_null(tmp_path):
    log = TrainingLog()
    assert log.add(0, {"loss": torch.tensor(2.5)}) == {"loss": 2.5}
    log.add(20, {"loss": 1.5})
    log.add(20, {"held_out": 3.0})
    columns = table(log, tmp_path).to_pydict()
    assert columns == {"step": [0, 20], "loss": [2.5, 1.5], "held_out": [None, 3.0]}


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
        Training("test", 100).run(step, 1, log_every=5)
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
    assert (seen["loss"] == 10.0 - seen["step"]).all()
    assert len(checks) == 3
    assert run(tmp_path, 12, validate=validate)[1]["held_out"].notna().sum() == 1


def test_validation_need_not_fall_on_a_logged_step(tmp_path):
    _, log = run(tmp_path, 12, log_every=5, validate=lambda: {"held_out": 1.0}, validate_every=4)
    assert log[log["held_out"].notna()]["step"].tolist() == [4, 8, 11]


def test_a_validation_that_is_not_finite_stops_too():
    with pytest.raises(LamoError, match="training step 2: psnr is inf"):
        Training("test", 3).run(lambda i: {"loss": 1.0}, 1, validate=lambda: {"psnr": math.inf})


def test_the_rate_leaves_validation_out(tmp_path, monkeypatch):
    clock = iter([0.0, 2.0, 100.0, 102.0, 200.0, 202.0, 300.0])
    monkeypatch.setattr("lamo.training.loop.time.perf_counter", lambda: next(clock))
    log = Training("test", 3).run(
        lambda i: {"loss": 1.0}, 8, validate=lambda: {"v": 1.0}, validate_every=1, log_every=1
    )
    rates = [rate for rate in table(log, tmp_path).to_pydict()["samples_per_s"] if rate is not None]
    assert rates == [4.0, 4.0, 4.0]


def test_waiting_is_logged_as_a_share_of_the_time_outside_validation(tmp_path, monkeypatch):
    clock = iter([0.0, 2.0, 100.0, 104.0, 200.0, 202.0, 300.0])
    waits = iter([0.0, 0.5, 0.5, 3.5, 9.0, 9.0, 9.0])
    monkeypatch.setattr("lamo.training.loop.time.perf_counter", lambda: next(clock))
    log = Training("test", 3).run(lambda i: {"loss": 1.0}, 8, log_every=1, waited=lambda: next(waits))
    assert table(log, tmp_path).to_pydict()["data_wait_share"] == [0.25, 0.75, 0.0]


def test_without_a_count_of_waiting_none_is_logged(tmp_path):
    assert "data_wait_share" not in run(tmp_path, 2)[1]


# --- runs that break down ---


class Counter:
    """Training whose state is the number of steps taken; it breaks down at a step."""

    def __init__(self, folder, breaks_at=None, loss=math.nan, **options):
        self.taken, self.breaks_at, self.loss = torch.zeros(1), breaks_at, loss
        self.options = {"log_every": 2, "validate": lambda: {"held_out": 1.0}, "validate_every": 3} | options
        self.session = Session(checkpoints=Checkpoints(folder, every_s=0.0))

    def state_dict(self):
        return {"taken": self.taken}

    def load_state_dict(self, state):
        self.taken = state["taken"]

    def step(self, index):
        assert index == int(self.taken)
        self.taken += 1
        return {"loss": self.loss if index == self.breaks_at else 1.0}

    def run(self, steps=12):
        return Training("test", steps, self.session, {"counter": self}).run(self.step, 1, **self.options)


def kept(folder):
    return [int(read_state(place)["parts"]["counter"]["taken"]) for place in sorted(folder.iterdir())]


def test_a_run_that_meets_a_nan_keeps_the_last_two_healthy_states(tmp_path):
    place = tmp_path / "step-000000007"
    with pytest.raises(
        LamoError, match=rf"training step 8: loss is nan; .*the last good state, of step 7, lies in {place}"
    ):
        Counter(tmp_path, breaks_at=8).run()
    assert kept(tmp_path) == [5, 7]


def test_a_state_that_its_own_validation_refuses_is_not_kept(tmp_path):
    run = Counter(tmp_path)
    run.options["validate"] = lambda: {"held_out": math.nan if run.taken > 4 else 1.0}
    with pytest.raises(LamoError, match=r"training step 6: held_out is nan; .*the last good state, of step 5,"):
        run.run()


def test_values_that_a_check_refuses_stop_the_training_before_the_state_is_kept(tmp_path):
    def check(step, values):
        if values["loss"] > 5.0:
            raise LamoError(f"training step {step}: too much")

    run = Counter(tmp_path, breaks_at=6, loss=9.0, check=check)
    with pytest.raises(LamoError, match=r"training step 6: too much; the last good state, of step 5,"):
        run.run()
    assert kept(tmp_path) == [4, 5]


def test_a_run_that_breaks_down_at_once_says_that_nothing_was_kept(tmp_path):
    with pytest.raises(LamoError, match=r"step 0: loss is nan; .*; no earlier state was kept"):
        Counter(tmp_path, breaks_at=0).run()
    assert not list(tmp_path.iterdir())


def test_a_weight_that_is_not_finite_is_no_state_to_go_on_from(tmp_path):
    run = Counter(tmp_path, validate=None)
    run.step = lambda index: run.taken.fill_(math.nan if index == 4 else index + 1) and {"loss": 1.0}
    with pytest.raises(
        LamoError, match=r"training step 5: state\.parts\.counter\.taken holds values .*state, of step 3,"
    ):
        run.run()
    assert kept(tmp_path) == [1, 3]


def test_a_run_that_ended_goes_on_at_its_end(tmp_path):
    log = Counter(tmp_path).run()
    again = Counter(tmp_path)
    again.step = None
    assert again.run()._rows == log._rows


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leads_to_a_checkpoint_of_that_very_step_and_the_next_run_goes_on(tmp_path, number):
    run = Counter(tmp_path)
    step = run.step

    def stopping(index):
        if index == 5:
            os.kill(os.getpid(), number)
        return step(index)

    run.step = stopping
    with (
        run.session.stop.listening(),
        pytest.raises(Stopped, match=rf"stopped by {number.name} at step 6 of 12; .*step 6,"),
    ):
        run.run()
    assert kept(tmp_path) == [5, 6]
    again = Counter(tmp_path)
    log = again.run()
    assert int(again.taken) == 12
    assert [row["step"] for row in log._rows] == [0, 2, 3, 4, 6, 8, 9, 10, 11]


def test_a_signal_outside_of_steps_ends_at_once_and_afterwards_the_system_has_it_again():
    stop, before = StopRequest(), signal.getsignal(signal.SIGUSR1)
    with pytest.raises(Stopped, match="SIGUSR1"), stop.listening():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) == before
