"""What is seen of a training while it runs: TensorBoard's files, and what a service is told."""

import struct
import sys
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
from tensorboardX.proto.event_pb2 import Event

from lamo.errors import LamoError
from lamo.training.checkpoint import Checkpoints
from lamo.training.distributed import Processes
from lamo.training.loop import Training
from lamo.training.session import Session, training_session
from lamo.training.signals import Stopped
from lamo.training.tracking import Service, Tracker


class Job(SimpleNamespace):
    """A job of the run `demo`, as `training_session` is handed one."""

    def __init__(self, folder):
        super().__init__(
            key="0", results=folder / "demo", name="02_midway.midway_train",
            folder_for_checkpoints=folder / "checkpoints", folder_for_events=folder / "events",
        )  # fmt: skip


class Remembering(SimpleNamespace):
    """Remembers what a module such as wandb is called with."""

    def __init__(self, fails=()):
        super().__init__(calls=[], fails=fails)

    def __getattr__(self, name):
        if name not in ("init", "log", "finish"):
            raise AttributeError(name)

        def call(*values, **named):
            self.calls.append((name, *values, *([named] if named else [])))
            if name in self.fails:
                raise RuntimeError("no network")

        return call


def events(folder):
    """(name, step) -> value, of all files of events in `folder`; a value that is there twice is an error."""
    found = {}
    for file in folder.glob("events.out.tfevents.*"):
        content = file.read_bytes()
        while content:
            # A record: its length, a checksum of four bytes, the event, another checksum.
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                assert (value.tag, event.step) not in found
                found[value.tag, event.step] = value.simple_value
    return found


def train(session, steps=50, until=None):
    """A training whose loss is the number of the step; with `until` it is asked to stop there."""
    training = Training("test", steps, session)

    def step(i):
        if i == until:
            session.stop.signal = "SIGTERM"
        return {"loss": torch.tensor(float(i))}

    return training.run(step, 1, lambda: {"held_out": 7.0}, validate_every=30)


def test_tensorboard_has_what_the_log_has(tmp_path):
    log = train(Session(tracker=Tracker(tmp_path / "events")))
    log.write(tmp_path / "log.parquet")
    rows = pq.read_table(tmp_path / "log.parquet").to_pylist()
    expected = {
        (name, row["step"]): value
        for row in rows
        for name, value in row.items()
        if name != "step" and value is not None
    }
    assert {step for _, step in expected} == {0, 20, 30, 40, 49}
    assert events(tmp_path / "events") == pytest.approx(expected, rel=1e-6)


def test_it_can_be_looked_at_while_the_training_runs(tmp_path):
    tracker = Tracker(tmp_path)
    tracker.show([{"step": 3, "loss": 1.0}])
    assert events(tmp_path) == {("loss", 3): 1.0}
    tracker.show([{"step": 3, "loss": 1.0}, {"step": 6, "loss": 0.5}])
    assert events(tmp_path) == {("loss", 3): 1.0, ("loss", 6): 0.5}


def test_after_a_restart_no_step_is_missing_or_there_twice(tmp_path):
    def session():
        return Session(checkpoints=Checkpoints(tmp_path / "states"), tracker=Tracker(tmp_path / "events"))

    with pytest.raises(Stopped):
        train(session(), until=25)
    assert {step for _, step in events(tmp_path / "events")} == {0, 20}
    train(session())
    losses = {step: value for (name, step), value in events(tmp_path / "events").items() if name == "loss"}
    assert losses == {0: 0.0, 20: 20.0, 30: 30.0, 40: 40.0, 49: 49.0}
    assert len(list((tmp_path / "events").iterdir())) == 1


def test_a_training_that_had_ended_before_a_restart_is_shown_too(tmp_path):
    def attempt(until=None):
        with training_session({"checkpoint_minutes": 0}, 1, Job(tmp_path)) as session:
            train(session.phase("pretraining"))
            train(session.phase("dynamics"), until=until)

    with pytest.raises(Stopped):
        attempt(until=25)
    attempt()
    for phase in ("pretraining", "dynamics"):
        assert {step for _, step in events(tmp_path / "events" / phase)} == {0, 20, 30, 40, 49}


def test_trainings_of_one_job_do_not_mix(tmp_path, service):
    session = Session(tracker=Tracker(tmp_path, Service("trackio", "demo", "job")))
    for name in ("pretraining", "dynamics"):
        session.phase(name).tracker.show([{"step": 0, "loss": 2.0}])
    assert {path.name for path in tmp_path.iterdir()} == {"pretraining", "dynamics"}
    assert service.calls[1:] == [
        ("log", {"pretraining/step": 0, "pretraining/loss": 2.0}),
        ("log", {"dynamics/step": 0, "dynamics/loss": 2.0}),
    ]


@pytest.fixture
def service(monkeypatch):
    """The module trackio."""
    module = Remembering()
    monkeypatch.setitem(sys.modules, "trackio", module)
    return module


def test_a_service_is_told_all_rows_and_the_end(tmp_path, service):
    with training_session({"tracker": "trackio"}, 1, Job(tmp_path)) as session:
        train(session)
    kinds = [call[0] for call in service.calls]
    assert service.calls[0] == ("init", {"project": "lamo", "name": "demo 02_midway.midway_train"})
    assert kinds == ["init", *["log"] * 5, "finish"]
    assert [call[1]["step"] for call in service.calls[1:-1]] == [0, 20, 30, 40, 49]


@pytest.mark.parametrize("fails", ["log", "finish"])
def test_a_service_that_fails_ends_no_training(tmp_path, service, fails, caplog):
    service.fails = (fails,)
    with training_session({"tracker": "trackio"}, 1, Job(tmp_path)) as session:
        log = train(session)
    assert len(log.rows) == 5
    assert len([call for call in service.calls if call[0] == fails]) == 1
    assert f"trackio: {fails} failed (no network); nothing more is sent to it" in caplog.text


def test_a_failed_training_is_not_said_to_have_ended_well(tmp_path, service):
    with pytest.raises(ZeroDivisionError), training_session({"tracker": "trackio"}, 1, Job(tmp_path)):
        raise ZeroDivisionError
    assert [call[0] for call in service.calls] == ["init"]


def test_a_service_that_does_not_start_is_named(tmp_path, service):
    service.fails = ("init",)
    with pytest.raises(LamoError, match=r"tracking: trackio cannot be started \(no network\); set it up"):
        Service("trackio", "demo", "job")


def test_a_full_disk_ends_no_training(tmp_path, caplog, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tensorboardX.event_file_writer.EventsWriter.flush", full)
    with training_session({}, 1, Job(tmp_path)) as session:
        assert len(train(session).rows) == 5
    assert caplog.text.count("TensorBoard shows no more of it") == 1


def test_without_a_service_none_is_started(tmp_path):
    with training_session({}, 1, Job(tmp_path)) as session:
        assert session.tracker.service is None
        train(session)
    assert len(events(tmp_path / "events")) > 5


def test_only_the_first_process_shows_anything(tmp_path, monkeypatch):
    second = Processes(rank=1, local_rank=1, count=2)
    monkeypatch.setattr("lamo.training.session.environment", lambda: second)
    monkeypatch.setattr("lamo.training.session.joined", lambda processes, device: pytest.MonkeyPatch.context())
    with training_session({"tracker": "no_such_service"}, 1, Job(tmp_path)) as session:
        session.tracker.show([{"step": 0, "loss": 1.0}])
    assert not (tmp_path / "events").exists()


def test_a_service_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(LamoError, match=r"tracking: wandb cannot be imported \(.*\); install it"):
        Service("wandb", "demo", "job")
