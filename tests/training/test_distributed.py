"""Trainings on one, two and four processes: the same order of samples, and the same losses but for rounding."""

import json
import os
import socket
import traceback
from itertools import chain
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training.small_trainings import STEPS, TRAININGS

from lamo.errors import LamoError
from lamo.nn.share import Share, draw, sharing
from lamo.stores import windows
from lamo.training.checkpoint import Checkpoints
from lamo.training.distributed import Processes, environment, joined
from lamo.training.session import Session
from lamo.training.state_files import read_state

CPU = torch.device("cpu")
# Means of a share, not of the batch.
LOCAL = {"feature_spread"}
NAMES = {"loss", "loss_total", "loss_level0", "pixel", "contrast", "dino", "loss_held"}
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def trained(name: str, folder: Path, count: int, parts: int = 1) -> tuple[list[dict], list[list[int]]]:
    """The log of a training on `count` processes, and the windows that they read, batch by batch and rank by rank."""
    port, children = free_port(), []
    for rank in range(count):
        child = os.fork()
        if not child:
            try:
                _train(name, folder, Processes(rank, count, rank), port, parts)
            except BaseException:  # noqa: BLE001 - the forked process must not go on as pytest
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count
    phase = folder / "dynamics" if (folder / "dynamics").is_dir() else folder
    rows = read_state(phase / f"step-{STEPS:09d}")["parts"]["log"]["rows"]
    reads = [json.loads((folder / f"read.{rank}").read_text()) for rank in range(count)]
    return rows, [list(chain.from_iterable(batches)) for batches in zip(*reads, strict=True)]


def _train(name: str, folder: Path, processes: Processes, port: int, parts: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    reads, original = [], windows.ShuffledOrder.batches

    def noting(self, batch, start=0, rows=slice(None)):
        for picks in original(self, batch, start, rows):
            reads.append(picks.tolist())
            yield picks

    windows.ShuffledOrder.batches = noting
    with joined(processes, CPU):
        checkpoints = Checkpoints(folder, every_s=1e9, processes=processes)
        TRAININGS[name](Session(processes=processes, parts=parts, checkpoints=checkpoints))
    (folder / f"read.{processes.rank}").write_text(json.dumps(reads[: len(reads)]))


@pytest.mark.parametrize("name", TRAININGS)
def test_losses_agree_and_batches_are_the_same_on_any_number_of_processes(tmp_path, name):
    found = {count: trained(name, tmp_path / str(count), count) for count in (1, 2, 4)}
    alone, order = found[1]
    for count in (2, 4):
        rows, batches = found[count]
        assert batches == order
        assert [row["step"] for row in rows] == [row["step"] for row in alone]
        for row, expected in zip(rows, alone, strict=True):
            assert row.keys() - LOCAL == expected.keys() - LOCAL
            for key in expected.keys() & {
                "loss",
                "loss_total",
                "loss_level0",
                "pixel",
                "contrast",
                "dino",
                "loss_held",
            }:
                assert row[key] == pytest.approx(expected[key], rel=1e-3), (count, row["step"], key)
    assert len({row["loss"] for row in alone if "loss" in row}) > 1


@pytest.mark.parametrize("name", ["decoder", "flow", "gmm", "state"])
def test_a_batch_computed_in_parts_is_the_batch(tmp_path, name):
    alone, _ = trained(name, tmp_path / "whole", 1)
    parts, _ = trained(name, tmp_path / "parts", 1, parts=3)
    for row, expected in zip(parts, alone, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-3)


@given(total=st.integers(1, 40), processes=st.integers(1, 6), parts=st.integers(1, 4))
def test_shares_are_the_whole_batch_once_and_weigh_as_it_does(total, processes, parts):
    shares = [share for rank in range(processes) for share in Processes(rank, processes).shares(total, parts)]
    counted = [row for share in shares if share.counted for row in range(share.begin, share.end)]
    assert counted == list(range(total))
    assert all(0 <= share.begin < share.end <= total for share in shares)
    assert sum(share.weight for share in shares) / processes == pytest.approx(1.0)
    sizes = [share.counted for share in shares]
    assert max(sizes) - min(sizes) <= 1


@given(total=st.integers(1, 12), edge=st.integers(0, 12), each=st.integers(1, 3))
def test_numbers_drawn_by_shares_are_those_drawn_for_all(total, edge, each):
    edge = min(edge, total)
    whole = draw(torch.rand, (total * each, 2), torch.Generator().manual_seed(5))
    for begin, end in ((0, edge), (edge, total)):
        if begin < end:
            with sharing(Share.of(begin, end, total, 2)):
                mine = draw(torch.rand, ((end - begin) * each, 2), torch.Generator().manual_seed(5))
            assert torch.equal(mine, whole[begin * each : end * each])


def test_rows_that_do_not_fit_the_share_are_refused():
    with sharing(Share.of(0, 2, 5, 2)), pytest.raises(ValueError, match="3 rows to draw for a share of 2"):
        draw(torch.rand, (3,))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Processes(1, 4, 1)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"}, Processes(3, 4, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_LOCALID": "0"}, None),
        (
            {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"},
            Processes(1, 2),
        ),
    ],
)
def test_processes_are_known_from_their_environment(variables, expected):
    with mock.patch.dict(os.environ, variables, clear=True):
        assert environment() == expected


def test_an_environment_of_no_numbers_is_refused():
    variables = {"RANK": "one", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    with mock.patch.dict(os.environ, variables, clear=True), pytest.raises(LamoError, match="must be numbers"):
        environment()


def test_one_process_agrees_with_itself():
    alone = Processes()
    assert (alone.agree(2), alone.gather("a"), alone.mean({"x": 2.0})) == (2, ["a"], {"x": 2.0})
    assert np.isclose(sum(share.weight for share in alone.shares(7, 3)), 1.0)
