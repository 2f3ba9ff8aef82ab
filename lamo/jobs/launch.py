"""A training in several processes: the script of a rule hands itself over to torchrun, or to srun on several nodes."""

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

STEP = "LAMO_STEP"
"""Environment variable of processes that srun starts for us; a job of one process has SLURM's own variables too."""


def leave_requests_to_jobs() -> None:
    """Let this process, Snakemake's, ignore SIGUSR1. Sent to all processes of a job, it would end this one, and with it
    the training that answers by a checkpoint. Children ignore it too unless they ask for it, as trainings do."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def is_one_of_several() -> bool:
    """Whether this process is one of those that a job was handed over to."""
    return "RANK" in os.environ or STEP in os.environ


def is_first_process() -> bool:
    """Whether this process is the one of a job that speaks: the only one, or the first."""
    return not is_one_of_several() or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def handed_over(resources: Mapping[str, Any], threads: int) -> bool:
    """Run this script again in as many processes as its job has GPUs, and return True when they have all ended well.

    False, and nothing done, in a job of one process and in those processes themselves. Of `resources`: `nodes`,
    machines under SLURM; `gpu`, GPUs of the job, on all of them; `processes`, processes on each machine, in place of
    one per GPU (on CPUs). `threads` are those of the job on each machine. SIGTERM and SIGUSR1 are passed on. Raises
    `LamoError` if a process fails, or if the GPUs do not fit the machines.
    """
    if is_one_of_several():
        return False
    nodes, gpus = int(resources.get("nodes", 1)), int(resources.get("gpu", 0))
    if gpus % nodes:
        raise LamoError(f"resources: gpu: found {gpus} on {nodes} nodes, expected a multiple: it counts those of all")
    here = gpus // nodes if nodes > 1 else min(gpus, len(gpus_here()))
    each = int(resources.get("processes", 0)) or max(1, here)
    if nodes * each == 1:
        return False
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(each), "OMP_NUM_THREADS": str(max(1, threads // each))}
    if nodes > 1:
        command, forwarded = _srun(nodes, each, here, threads), signal.SIGUSR1
        environment[STEP] = "1"
    else:
        command, forwarded = _torchrun(each), signal.SIGTERM
    # For the record of the job, which this process writes.
    os.environ["WORLD_SIZE"] = str(nodes * each)
    status = _run(command, environment, forwarded)
    if status:
        raise LamoError(
            f"{nodes * each} processes: at least one of them ended with status {status}; what it said stands above"
        )
    return True


def _torchrun(count: int) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), sys.argv[0]]


def _srun(nodes: int, each: int, gpus: int, threads: int) -> list[str]:
    """Processes on several machines, `gpus` and `threads` on each of them, all of which its processes see."""
    if "SLURM_JOB_ID" not in os.environ:
        raise LamoError(f"resources: nodes: found {nodes} outside a SLURM job, expected 1; use the slurm profile")
    shape = ["--overlap", f"--nodes={nodes}", f"--ntasks={nodes * each}", f"--ntasks-per-node={each}", "--mem=0"]
    shape += [f"--cpus-per-task={max(1, threads // each)}", "--kill-on-bad-exit=1", "--distribution=block"]
    return ["srun", *shape, *([f"--gres=gpu:{gpus}"] if gpus else []), sys.executable, sys.argv[0]]


def _run(command: list[str], environment: Mapping[str, str], forwarded: signal.Signals) -> int:
    """Exit status of `command`, to which requests to stop are passed on as `forwarded`."""
    # What a child ignores from the start its own children ignore until they ask for it; torchrun does not know SIGUSR1.
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    process = subprocess.Popen(command, env=dict(environment))

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
