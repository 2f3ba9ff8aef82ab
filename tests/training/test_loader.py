"""Batches in the same order whoever reads them, and an end of all threads and processes."""

import itertools
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import zarr

from lamo.errors import LamoError
from lamo.stores.rows import RowReader, RowWriter
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows
from lamo.training.loader import Loader

# More processes than this machine may have cores, which PyTorch remarks on.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")
WORKERS = [0, 1, 3]


@dataclass(frozen=True)
class Rows:
    values: torch.Tensor
    process: int


@pytest.fixture
def windows(tmp_path):
    """Windows of two rows of stored clips; Zarr's own thread runs, as it does in a training."""
    zarr.open_group(str(tmp_path), mode="w")
    writer = RowWriter(tmp_path, "rows", (3,), "int32")
    writer.append(np.arange(90, dtype=np.int32).reshape(30, 3))
    writer.close()
    assert zarr.open_group(str(tmp_path), mode="r")["rows"][0, 0] == 0
    return Windows([ShardArray(RowReader(tmp_path / "rows"), np.array([0, 10, 30]))], 2)


def loader(windows, workers, draws):
    return Loader(lambda picks: Rows(torch.from_numpy(windows.read(picks)), os.getpid()), draws, workers)


def prefetching():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("workers", WORKERS)
def test_any_number_of_workers_gives_the_same_batches_as_typed_tensors(windows, workers):
    order = ShuffledOrder(len(windows), 7)
    expected = [windows.read(picks) for picks in itertools.islice(order.batches(4), 20)]
    with loader(windows, workers, itertools.islice(order.batches(4), 20)) as batches:
        found = list(batches)
    assert all(isinstance(batch, Rows) for batch in found)
    np.testing.assert_array_equal(np.stack([batch.values.numpy() for batch in found]), np.stack(expected))
    processes = {batch.process for batch in found}
    assert len(processes) == max(1, workers)
    assert (os.getpid() in processes) == (workers == 0)
    assert not prefetching()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", WORKERS)
def test_a_training_that_goes_on_at_any_place_sees_what_it_would_have_seen(windows, workers):
    order = ShuffledOrder(len(windows), 7)
    with loader(windows, 0, order.batches(4)) as batches:
        whole = torch.cat([next(batches).values for _ in range(20)])
    with loader(windows, workers, order.batches(4, start=13)) as batches:
        later = torch.cat([next(batches).values for _ in range(16)])
    assert torch.equal(later, whole[13:77])


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_comes_where_its_batch_was_due_and_as_it_was_said(workers):
    def read(draw):
        if draw == 2:
            raise LamoError("a/c/0: the checksum of row 3 does not agree")
        return draw

    with Loader(read, itertools.count(), workers) as batches:
        assert [next(batches), next(batches)] == [0, 1]
        with pytest.raises(LamoError) as raised:
            next(batches)
    assert str(raised.value) == "a/c/0: the checksum of row 3 does not agree"
    assert not prefetching()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", WORKERS)
def test_an_endless_order_left_early_leaves_nothing_running(windows, workers):
    with loader(windows, workers, ShuffledOrder(len(windows), 7).batches(4)) as batches:
        next(batches)
    assert not prefetching()
    assert not multiprocessing.active_children()


def test_time_spent_on_waiting_is_counted_and_time_spent_on_training_is_not():
    with Loader(lambda draw: time.sleep(0.1), iter(range(2))) as batches:
        next(batches)
        assert batches.waited_s > 0.05
        before = batches.waited_s
        time.sleep(0.2)
        next(batches)
        assert batches.waited_s < before + 0.1


@pytest.mark.parametrize("workers", WORKERS)
def test_reading_draws_nothing_from_the_generator_of_the_training(windows, workers):
    before = torch.get_rng_state()
    with loader(windows, workers, ShuffledOrder(len(windows), 7).batches(4)) as batches:
        next(batches)
    assert torch.equal(torch.get_rng_state(), before)
