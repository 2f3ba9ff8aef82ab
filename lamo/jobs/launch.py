"""A training in several processes: a script starts itself again by torchrun, or by srun on several nodes."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.gpus import gpus_here

PR_SET_PDEATHSIG = 1
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

    In a job of one process, and in the processes that it starts, it does nothing and returns False. SIGTERM and SIGUSR1
    are passed on.

    Args:
        resources: of the job: `nodes` (machines under SLURM), `gpu` (GPUs on all machines together), and `processes`
            (processes on each machine, if there is not to be one per GPU).
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
    each = int(resources.get("processes", 0)) or max(1, here)
    if nodes * each == 1:
        return False
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(each), "OMP_NUM_THREADS": str(max(1, threads // each))}
    if nodes > 1:
        starter, command, forwarded = "srun", _srun(nodes, each, here, threads), signal.SIGUSR1
        environment[STEP] = "1"
    else:
        starter, command, forwarded = "torchrun", _torchrun(each), signal.SIGTERM
    # For the record of the job, which this process writes.
    os.environ["WORLD_SIZE"] = str(nodes * each)
    status = _run(command, environment, forwarded)
    if status:
        raise LamoError(f"{nodes * each} processes: {_end_of(starter, status)}")
    return True


def _torchrun(count: int) -> list[str]:
    # By address: what one machine does alone must not depend on its name being known to a resolver.
    here = ["--nnodes=1", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    return [sys.executable, "-m", "torch.distributed.run", *here, f"--nproc-per-node={count}", sys.argv[0]]


def _srun(nodes: int, each: int, gpus: int, threads: int) -> list[str]:
    """The command for processes on several machines; each process sees all `gpus` and `threads` of its machine."""
    if "SLURM_JOB_ID" not in os.environ:
        raise LamoError(f"resources: nodes: found {nodes} outside a SLURM job, expected 1; use the slurm profile")
    shape = ["--overlap", f"--nodes={nodes}", f"--ntasks={nodes * each}", f"--ntasks-per-node={each}", "--mem=0"]
    shape += [f"--cpus-per-task={max(1, threads // each)}", "--kill-on-bad-exit=1", "--distribution=block"]
    return ["srun", *shape, *([f"--gres=gpu:{gpus}"] if gpus else []), sys.executable, sys.argv[0]]


def _end_of(starter: str, status: int) -> str:
    memory = "the machine or the job is short of memory: give it more, or raise the resource batch_parts"
    if status < 0:
        return f"{starter} was ended by signal {-status} ({signal.strsignal(-status)}); it may be that {memory}"
    return (
        f"at least one of them ended with status {status}; what it said stands above. If one was killed, which says "
        f"nothing itself, it may be that {memory}"
    )


def _run(command: list[str], environment: Mapping[str, str], forwarded: signal.Signals) -> int:
    """Exit status of `command`, to which requests to stop are passed on as `forwarded`."""
    # torchrun has no handler for SIGUSR1 and would end by it. Its children inherit that they ignore the signal.
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    process = subprocess.Popen(command, env=dict(environment), preexec_fn=end_with_parent)

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(forwarded)

    handlers = {signal.SIGUSR1: before, signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on)}
    signal.signal(signal.SIGUSR1, pass_on)
    try:
        return process.wait()
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
