"""The benchmarks run and compare like with like; how fast anything is, is not looked at."""

import io
import os
import sys

import pytest

from benchmarks import decode, neighbour, reading, writing
from benchmarks.moving_clip import write_clip
from benchmarks.neighbour_steps import CONFIG, example
from lamo.tools.overlay import read_config


@pytest.fixture
def cores():
    """Benchmarks pin themselves to a core."""
    before = os.sched_getaffinity(0)
    yield sorted(before)
    os.sched_setaffinity(0, before)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_reading_gives_a_row_for_each_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "GRID", (2, 2))
    monkeypatch.setattr(reading, "STATE", (4, 6))
    monkeypatch.setattr(reading, "MOTION", (1, 2, 3))
    text = reading.measure(tmp_path, 2, 1)
    assert text.count("\n| ") == 6
    assert "numpy.memmap" in text


def test_writing_gives_a_row_for_each_store(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "GRID", (2, 2))
    monkeypatch.setattr(writing, "STATE", (4, 6))
    monkeypatch.setattr(writing, "CLIP_FRAMES", 3)
    assert writing.measure(tmp_path, 1).count("\n| ") == 3


def test_a_worker_decodes_and_stores(tmp_path, cores, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    work = decode.worker(write_clip(tmp_path / "clip.mp4", 8.0), cores[0], 1)
    assert work.wall_s > 0
    assert work.child_mb > 10


def test_without_ffmpeg_decoding_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(decode.shutil, "which", lambda name: None)
    assert "not installed: nothing measured" in decode.measure(tmp_path, 1)


def test_a_training_is_measured_alone_and_beside_a_busy_process():
    found = neighbour.rates("predictor:gmm", threads=2, processes=0, rounds=2, seconds=0.2)
    assert found["processes"] == 2
    assert all(len(found[name]) == 2 and min(found[name]) > 0 for name in ("alone", "beside"))


@pytest.mark.parametrize("training", neighbour.TRAININGS)
def test_every_training_of_the_demo_has_rows_to_measure(training):
    _, rows, batch = example(training, read_config([CONFIG]))
    assert len(next(iter(vars(rows).values()))) == batch
