"""A training in several processes: a script starts itself again, once for each; on several nodes by srun.

Torchrun could start those of one machine. It would add a page to every error, leave folders behind, import PyTorch once
more and end a stopped training that takes more than 30 s to keep its checkpoint; nothing that it does besides is used.
"""

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.gpus import gpus_here

PR_SET_PDEATHSIG = 1
CPU_PROCESSES = 4
"""Processes of a training on CPUs, at most; each takes memory of its own. Threads beyond it are divided among them."""
HERE = "127.0.0.1"
LOOK_S = 0.1
"""How often this process looks whether one of those that it started has ended."""
END_S = 150.0
"""How long the others may take to end when one has failed; longer than they need to find that it is silent."""
STEP = "LAMO_STEP"
"""Environment variable of processes that srun starts for us; a job of one process has SLURM's own variables too."""


def end_with_parent() -> None:
    """Let this process get SIGTERM when the one that started it ends, however that ends.

    Else the processes of a training would go on without it, and beside those of the next start.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def ignore_stop_requests() -> None:
    """Let this process, Snakemake's, ignore SIGUSR1, which asks the trainings of a job for a checkpoint.

    A scheduler sends the signal to all processes of a job. If Snakemake ended by it, so would the training. Children
    inherit that they ignore the signal; a training sets a handler of its own.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def is_one_of_several() -> bool:
    """Whether this process is one of those that a job was handed over to."""
    return "RANK" in os.environ or STEP in os.environ


def is_first_process() -> bool:
    """Whether this process writes the job's log: the only process, or the first of several."""
    return not is_one_of_several() or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def handed_over(resources: Mapping[str, Any], threads: int) -> bool:
    """Run this script again in as many processes as its job has GPUs. True once all of them have ended well.

    On CPUs it runs in a process per thread instead, `CPU_PROCESSES` at most. The threads of a process wait for each
    other after every operation, and OpenMP lets them spin while they wait: beside another busy program they become many
    times slower. Processes wait for each other once in a step, asleep. docs/runs.md has the measurements.

    In a job of one process, and in the processes that it starts, it does nothing and returns False. SIGTERM and SIGUSR1
    are passed on.

    Args:
        resources: of the job: `nodes` (machines under SLURM), `gpu` (GPUs on all machines together), and `processes`
            (processes on each machine, if there are to be others).
        threads: of the job on each machine.

    Raises:
        LamoError: a process failed, or the GPUs cannot be divided among the machines.
    """
    if is_one_of_several():
        return False
    nodes, gpus = int(resources.get("nodes", 1)), int(resources.get("gpu", 0))
    if gpus % nodes:
        raise LamoError(
            f"resources: gpu: found {gpus} for {nodes} nodes, expected a multiple of the nodes: it counts all GPUs"
        )
    here = gpus // nodes if nodes > 1 else min(gpus, len(gpus_here()))
    each = int(resources.get("processes", 0)) or here or min(threads, CPU_PROCESSES)
    if nodes * each == 1:
        return False
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(each), "OMP_NUM_THREADS": str(max(1, threads // each))}
    # For the record of the job, which this process writes.
    os.environ["WORLD_SIZE"] = str(nodes * each)
    if nodes > 1:
        command = _srun(nodes, each, here, threads)
        srun = _Start(f"srun of {nodes * each} processes", command, {**environment, STEP: "1"})
        failed = _run([srun], signal.SIGUSR1)
    else:
        with _meeting_place() as place:
            failed = _run([_start(rank, each, environment | place) for rank in range(each)], signal.SIGTERM)
    if failed:
        raise LamoError(failed)
    return True


@dataclass(frozen=True)
class _Start:
    """A process to start: what messages call it, its command and its environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def _start(rank: int, count: int, environment: Mapping[str, str]) -> _Start:
    """Process `rank` of `count` on this machine, with the variables that torchrun would set."""
    numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    return _Start(f"process {rank} of {count}", [sys.executable, sys.argv[0]], {**environment, **numbers})


@contextmanager
def _meeting_place() -> Iterator[dict[str, str]]:
    """Variables by which processes of this machine find each other: through a store that this process keeps open.

    By address: what one machine does alone must not depend on its name being known to a resolver.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # takes seconds: only where it is needed

    store = TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    # The last says that the store is here, and not in the first of the processes.
    yield {"MASTER_ADDR": HERE, "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}


def _srun(nodes: int, each: int, gpus: int, threads: int) -> list[str]:
    """The command for processes on several machines; each process sees all `gpus` and `threads` of its machine."""
    if "SLURM_JOB_ID" not in os.environ:
        raise LamoError(f"resources: nodes: found {nodes} outside a SLURM job, expected 1; use the slurm profile")
    shape = ["--overlap", f"--nodes={nodes}", f"--ntasks={nodes * each}", f"--ntasks-per-node={each}", "--mem=0"]
    shape += [f"--cpus-per-task={max(1, threads // each)}", "--kill-on-bad-exit=1", "--distribution=block"]
    return ["srun", *shape, *([f"--gres=gpu:{gpus}"] if gpus else []), sys.executable, sys.argv[0]]


def _end_of(status: int, name: str) -> str:
    if status < 0:
        return (
            f"{name} was ended by signal {-status} ({signal.strsignal(-status)}); it may be that the machine or the "
            "job is short of memory: give it more, or raise the resource batch_parts"
        )
    return f"{name} ended with status {status}; why stands above"


def _run(starts: Sequence[_Start], forwarded: signal.Signals) -> str:
    """Run processes side by side; says which of them failed first, or "" if none did.

    Requests to stop are passed on as `forwarded`. If one fails, the others are asked to end, and made to after `END_S`.
    """
    # Children inherit that they ignore the signal.
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    processes = {
        one.name: subprocess.Popen(one.command, env=dict(one.environment), preexec_fn=end_with_parent) for one in starts
    }

    def pass_on(number: int, frame: FrameType | None) -> None:
        _send(processes.values(), forwarded)

    handlers = {signal.SIGUSR1: before, signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on)}
    signal.signal(signal.SIGUSR1, pass_on)
    try:
        return _first_failure(processes)
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


def _first_failure(processes: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """Wait until all have ended; which of them failed first, or ""."""
    failed, at = "", math.inf
    while True:
        lives = [one for one in processes.values() if one.poll() is None]
        ended = [(one.returncode, name) for name, one in processes.items() if one.returncode]
        if ended and not failed:
            # The others end for the loss of the one that failed; so one that a signal ended comes first.
            failed, at = _end_of(*min(ended)), time.monotonic()
            _send(lives, signal.SIGTERM)
        if not lives:
            return failed
        if time.monotonic() - at > END_S:
            _send(lives, signal.SIGKILL)
        time.sleep(LOOK_S)


def _send(processes: Iterable[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for one in processes:
        with suppress(ProcessLookupError):
            one.send_signal(number)
