"""The state of a progress bar stands in the log while the job runs, and at its end."""

import io
import logging

import pytest

from lamo import progress
from lamo.progress import Bar


@pytest.fixture(autouse=True)
def everything(caplog):
    caplog.set_level(logging.DEBUG, logger="lamo")


def bar(**options):
    return Bar(file=io.StringIO(), desc="midway", unit="step", **options)


def test_a_closed_bar_says_how_far_it_came(caplog):
    assert list(bar(iterable=range(3))) == [0, 1, 2]
    assert caplog.messages == ["midway: step 3 of 3, 00:00"]


def test_it_is_logged_while_it_runs_but_not_at_every_step(caplog, monkeypatch):
    now = iter(range(0, 100_000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    with bar(total=9, mininterval=0) as shown:
        for _ in range(9):
            shown.set_postfix(loss="0.5", refresh=False)
            shown.update()
    assert 2 <= len(caplog.messages) <= 6
    assert caplog.messages[0].endswith("loss=0.5")
    assert caplog.messages[-1].startswith("midway: step 9 of 9")


def test_of_an_unknown_total_the_count_is_said(caplog):
    with bar() as shown:
        shown.update(4)
    assert caplog.messages == ["midway: step 4, 00:00"]


def test_a_bar_that_is_not_shown_is_not_logged(caplog):
    assert list(bar(iterable=range(3), disable=True)) == [0, 1, 2]
    assert caplog.messages == []
