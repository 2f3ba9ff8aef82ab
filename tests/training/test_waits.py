"""Waits of a training say what they are for, and end; what is only slow is waited for."""

import logging
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest
import torch
from torch.multiprocessing import reductions

from lamo.errors import LamoError
from lamo.training import prefetch, reading_processes, waits
from lamo.training.loader import Loader
from lamo.training.prefetch import Prefetch
from lamo.training.waits import Wait

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@dataclass(frozen=True)
class Rows:
    values: torch.Tensor
    more: tuple[torch.Tensor, ...] = ()
    note: object = None


@pytest.fixture
def _impatient(monkeypatch):
    """Limits of seconds in the place of minutes."""
    for module in (waits, reading_processes):
        monkeypatch.setattr(module, "SAY_S", 1.0)
    for module in (prefetch, reading_processes):
        monkeypatch.setattr(module, "LOOK_S", 0.2)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, logger="lamo")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("lamo")]


def test_a_wait_says_what_it_is_for_once_in_a_while_and_ends(monkeypatch, said):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    waiting = Wait("a batch")
    for _ in range(17):
        clock[0] += 25.0
        waiting.check("it is being read")
    assert said() == [
        f"waiting for a batch since {seconds} s: it is being read; it goes on" for seconds in (125, 250, 375)
    ]
    # A process that was stopped for a day has not waited for a day.
    clock[0] += 86400.0
    waiting.check("it is being read")
    assert waiting.lasted_s == 455.0
    for _ in range(53):
        clock[0] += 25.0
        waiting.check("it is being read")
    clock[0] += 25.0
    with pytest.raises(LamoError, match="waiting for a batch since 1805 s: it is being read; given up after 1800 s"):
        waiting.check("it is being read")


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_slow_disk_is_waited_for_and_named(workers, said):
    def read(draw):
        time.sleep(2.5 if draw == 1 else 0)
        return Rows(torch.full((2,), draw))

    with Loader(read, iter(range(3)), workers) as batches:
        assert [int(batch.values[0]) for batch in batches] == [0, 1, 2]
    assert said()
    assert all("is the disk slow or gone?" in text for text in said())
    assert ("process " in said()[0]) == bool(workers)


@pytest.mark.usefixtures("_impatient")
def test_a_disk_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(waits, "END_S", 1.5)
    monkeypatch.setattr(prefetch, "JOIN_S", 0.1)
    answer = threading.Event()
    try:
        with (
            Prefetch(iter(lambda: answer.wait(60), None)) as items,
            pytest.raises(LamoError, match="given up after 2 s"),
        ):
            next(items)
        # Left although the read still hangs.
        assert not answer.is_set()
    finally:
        answer.set()


@pytest.mark.usefixtures("_impatient")
def test_an_error_of_the_reader_that_is_a_timeout_is_raised():
    def items():
        raise TimeoutError("the server did not answer")
        yield

    with Prefetch(items()) as found, pytest.raises(TimeoutError, match="the server did not answer"):
        next(found)


def killed(draw):
    if draw == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return Rows(torch.zeros(2))


def test_a_worker_that_is_killed_is_told_at_once():
    start = time.monotonic()
    with pytest.raises(LamoError) as caught, Loader(killed, iter(range(9)), 2) as batches:
        list(batches)
    assert time.monotonic() - start < 60
    assert "a process that reads ahead ended" in str(caught.value)
    assert "short of memory" in str(caught.value)
    assert "/dev/shm has" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_so_is_one_that_is_killed_while_its_batch_is_taken_over(monkeypatch):
    """The kernel closes the files of a killed process first, and only then can be seen that it has ended."""
    read_by = set()

    def half_dead(*_):
        (worker,) = (child for child in multiprocessing.active_children() if child.pid in read_by)
        threading.Timer(0.3, worker.kill).start()
        raise EOFError

    def training():
        with Loader(lambda draw: Rows(torch.zeros(2)), iter(range(9)), 1) as batches:
            next(batches)
            read_by.update(batches._processes._notes.process)
            monkeypatch.setattr(reductions, "rebuild_storage_fd", half_dead)
            list(batches)

    with pytest.raises(LamoError, match=r"a process that reads ahead ended.*short of memory"):
        training()


def test_one_that_is_killed_after_the_last_batch_is_only_said(said):
    with Loader(lambda draw: Rows(torch.zeros(2)), iter(range(3)), 1) as batches:
        assert len(list(batches)) == 3
        torch_batches = batches._processes._batches

        def shut_down():
            del torch_batches._shutdown_workers
            torch_batches._shutdown_workers()
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")

        torch_batches._shutdown_workers = shut_down
    assert ["after the last batch a process that reads ahead ended" in text for text in said()] == [True]


def test_so_is_one_that_is_killed_during_a_step():
    def training():
        with Loader(killed, iter(range(9)), 1) as batches:
            next(batches)
            # The step: the signal that a child has ended comes in its midst.
            for _ in range(600):
                time.sleep(0.1)

    with pytest.raises(LamoError, match="a process that reads ahead ended"):
        training()


def test_a_batch_that_finds_no_room_is_read_by_the_training_itself(monkeypatch, said):
    """As in a container with little shared memory: some batches find room, others do not."""
    share = torch.Tensor.share_memory_

    def full(tensor):
        if int(tensor.flatten()[0]) % 2:
            raise RuntimeError(
                "unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)"
            )
        return share(tensor)

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with Loader(lambda draw: Rows(torch.full((3,), draw), (torch.ones(1) * draw,)), iter(range(8)), 2) as batches:
        found = list(batches)
    assert [int(batch.values[0]) for batch in found] == list(range(8))
    assert [int(batch.more[0]) for batch in found] == list(range(8))
    (text,) = said()
    for part in ("cannot hand their batches over", "No space left on device", "/dev/shm has", "--shm-size"):
        assert part in text
    assert "loader_workers" in text


@pytest.mark.skipif(os.getuid() != 0, reason="a small /dev/shm needs root")
def test_a_small_shared_memory_of_a_container(tmp_path):
    """The real thing: 1 MB for batches of 4 MB, in a namespace of its own."""
    code = (
        "import logging, torch\n"
        "from lamo.training.loader import Loader\n"
        "logging.basicConfig(level='WARNING', format='%(message)s')\n"
        "with Loader(lambda draw: torch.full((1024, 1024), float(draw)), iter(range(6)), 2) as batches:\n"
        "    print([int(batch[0, 0]) for batch in batches])\n"
    )
    shell = f"mount -t tmpfs -o size=1M tmpfs /dev/shm && exec {sys.executable} -c {shlex.quote(code)}"
    command = ["unshare", "--mount", "bash", "-c", shell]
    done = subprocess.run(command, text=True, capture_output=True, timeout=100, check=False)
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout.strip() == "[0, 1, 2, 3, 4, 5]", done.stderr
    assert "/dev/shm has 1 MB" in done.stderr


@pytest.mark.usefixtures("_impatient")
def test_a_batch_that_is_lost_is_missed():
    """What cannot be handed over for another reason is told to nobody by the worker's thread."""
    with (
        Loader(lambda draw: Rows(torch.zeros(1), note=lambda: draw), iter(range(4)), 2) as batches,
        pytest.raises(LamoError, match=r"a batch did not come within \d+ s, and no process .* is reading") as caught,
    ):
        next(batches)
    assert "loader_workers to 0" in str(caught.value)


@pytest.mark.usefixtures("_impatient")
def test_a_worker_that_is_stopped_is_named_with_its_state(monkeypatch, said):
    monkeypatch.setattr(waits, "END_S", 4.0)

    def read(draw):
        if draw == 1:
            # Till then the first batch is handed over.
            time.sleep(1.0)
            os.kill(os.getpid(), signal.SIGSTOP)
        return Rows(torch.zeros(1))

    with Loader(read, iter(range(4)), 1) as batches:
        next(batches)
        with pytest.raises(LamoError, match=r"process \d+ \(state T\) has read since \d+ s.*given up after 4 s"):
            next(batches)
    assert any("(state T)" in text for text in said())
    assert not multiprocessing.active_children(), "one that is stopped does not keep the training from ending"


def test_without_any_shared_memory_a_thread_reads(monkeypatch, said):
    def none(*_args, **_kwargs):
        raise FileNotFoundError(2, "No such file or directory: '/dev/shm'")

    monkeypatch.setattr("lamo.training.loader.ReadingProcesses", none)
    with Loader(lambda draw: draw, iter(range(3)), 2) as batches:
        assert list(batches) == [0, 1, 2]
    (text,) = said()
    assert text.startswith("no processes that read ahead")
    assert "a thread reads" in text
