"""Processes exchange gradients inside of `backward`: who waits there says so."""

import time
from dataclasses import dataclass

import pytest
import torch
from training.test_heartbeat import Pair

from lamo.training import heartbeat
from lamo.training.distributed import Processes
from lamo.training.learner import Learner
from lamo.training.session import Session

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@dataclass
class Rows:
    """The rows of a batch."""

    values: torch.Tensor


def late_gradients(processes: Processes, folder) -> None:
    """A step of which process 1 computes its part late: process 0 waits for it inside of `backward`."""
    model = torch.nn.Linear(1, 1)

    def loss(rows: Rows) -> dict[str, torch.Tensor]:
        if processes.rank:
            time.sleep(4.0)
        return {"loss": model(rows.values).mean()}

    learner = Learner(loss, [model], torch.optim.SGD(model.parameters()), 1.0, Session(processes=processes))
    learner.learn(Rows(torch.ones(1, 1)), 2)


def test_gradients_that_are_late_are_waited_for_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.1)
    monkeypatch.setattr(heartbeat, "SAY_S", 1.0)
    pair = Pair(tmp_path, late_gradients)
    assert [pair.end_of(rank) for rank in (0, 1)] == [0, 0]
    assert "the others live: process 1 (" in pair.said(0)
    assert pair.said(1) == ""
