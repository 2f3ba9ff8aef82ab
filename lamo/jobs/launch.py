"""A training in several processes: a script starts itself again, once for each; on several nodes by srun.

Torchrun could start those of one machine. It would add a page to every error, leave folders behind, import PyTorch once
more and end a stopped training that takes more than 30 s to keep its checkpoint; nothing that it does besides is used.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.gpus import gpus_here
from lamo.jobs.side_by_side import Start, run

CPU_PROCESSES = 4
"""Processes of a training on CPUs, at most; each takes memory of its own. Threads beyond it are divided among them."""
HERE = "127.0.0.1"
STEP = "LAMO_STEP"
"""Environment variable of processes that srun starts for us; a job of one process has SLURM's own variables too."""


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

    On CPUs it runs in a process per thread instead, up to `CPU_PROCESSES`. The threads of a process wait for each
    other after every operation, and OpenMP lets them spin while they wait: beside another busy program they become many
    times slower. Processes wait for each other once in a step, asleep. docs/runs.md has measurements.

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
    each = int(resources.get("processes", 0)) or here or _processes_on_cpus(threads)
    if nodes * each == 1:
        return False
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(each), "OMP_NUM_THREADS": str(max(1, threads // each))}
    # For the record of the job, which this process writes.
    os.environ["WORLD_SIZE"] = str(nodes * each)
    if nodes > 1:
        command = _srun(nodes, each, here, threads)
        run([Start(f"srun of {nodes * each} processes", command, {**environment, STEP: "1"})], signal.SIGUSR1)
    else:
        with _meeting_place() as place:
            run([_start(rank, each, environment | place) for rank in range(each)], signal.SIGTERM)
    return True


def _processes_on_cpus(threads: int) -> int:
    """Two to `CPU_PROCESSES`, such that most of the threads are used; one where PyTorch has a GPU after all."""
    import torch  # takes seconds: only where it is needed

    if threads == 1 or torch.cuda.is_available():
        return 1
    return max(range(2, min(threads, CPU_PROCESSES) + 1), key=lambda count: (threads // count * count, count))


def _start(rank: int, count: int, environment: Mapping[str, str]) -> Start:
    """Process `rank` of `count` on this machine, with the variables that torchrun would set."""
    numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    return Start(f"process {rank} of {count}", [sys.executable, sys.argv[0]], {**environment, **numbers})


@contextmanager
def _meeting_place() -> Iterator[dict[str, str]]:
    """Variables by which processes of this machine find each other: through a store that this process keeps open.

    By address: what one machine does alone must not depend on its name being known to a resolver.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

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
