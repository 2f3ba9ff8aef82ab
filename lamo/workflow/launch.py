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
from lamo.workflow.gpus import gpus_here


def handed_over(resources: Mapping[str, Any], threads: int) -> bool:
    """Run this script again in as many processes as its job has GPUs, and return True when they have all ended well.

    False, and nothing done, in a job of one process and in those processes themselves. Of `resources`: `nodes`,
    machines under SLURM; `gpu`, GPUs of each; `processes`, processes on each, in place of one per GPU (on CPUs).
    `threads` are those of the job on each machine. SIGTERM and SIGUSR1 are passed on. Raises `LamoError` if a process
    fails.
    """
    if "RANK" in os.environ or "LAMO_STEP" in os.environ:
        return False
    nodes = int(resources.get("nodes", 1))
    each = int(resources.get("processes", 0)) or max(1, min(int(resources.get("gpu", 0)), len(gpus_here())))
    if nodes * each == 1:
        return False
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(each), "OMP_NUM_THREADS": str(max(1, threads // each))}
    if nodes > 1:
        command, forwarded = _srun(nodes, each, threads), signal.SIGUSR1
        environment["LAMO_STEP"] = "1"
    else:
        command, forwarded = _torchrun(each), signal.SIGTERM
    status = _run(command, environment, forwarded)
    if status:
        raise LamoError(
            f"{nodes * each} processes: at least one of them ended with status {status}; the first error is above"
        )
    return True


def _torchrun(count: int) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), sys.argv[0]]


def _srun(nodes: int, each: int, threads: int) -> list[str]:
    if "SLURM_JOB_ID" not in os.environ:
        raise LamoError(f"resources: nodes: found {nodes} outside a SLURM job, expected 1; use the slurm profile")
    shape = [f"--nodes={nodes}", f"--ntasks={nodes * each}", f"--ntasks-per-node={each}"]
    shape += [f"--cpus-per-task={max(1, threads // each)}", "--kill-on-bad-exit=1", "--distribution=block"]
    return ["srun", *shape, sys.executable, sys.argv[0]]


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
