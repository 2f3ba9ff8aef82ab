"""GPUs of a machine without a scheduler: jobs that run side by side never share one."""

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from lamo.errors import LamoError

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER = Path("/proc/driver/nvidia/gpus")
ASK_AGAIN_S = 1.0
logger = logging.getLogger(__name__)


def gpus_here() -> list[str]:
    """Names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or else all of the machine."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return [str(number) for number in range(len(list(DRIVER.glob("*"))))]


@contextmanager
def claimed_gpus(count: int, folder: Path | None = None) -> Iterator[list[str]]:
    """Claim `count` GPUs for this process and its children. Waits until they are free; CUDA then sees no others.

    A claim is a lock of the operating system on a file in `folder`, so it ends with the process, however that ends.
    The default folder is the same for all jobs of a user on the machine. Nothing is claimed where there are no GPUs,
    under SLURM, which has assigned them, and in one of several processes (with a RANK), which their parent claimed for.
    Enter it before CUDA is first used. Raises `LamoError` if the machine has fewer.
    """
    names = gpus_here()
    if not names or "SLURM_JOB_ID" in os.environ or "RANK" in os.environ:
        yield names
        return
    if count > len(names):
        raise LamoError(f"resources: gpu: found {count}, but this machine has {len(names)}; lower it in the profile")
    before = os.environ.get(VISIBLE)
    with ExitStack() as stack:
        taken = _claim(names, count, folder or Path(tempfile.gettempdir()) / f"lamo-gpus-{os.getuid()}", stack)
        os.environ[VISIBLE] = ",".join(taken)
        logger.info("GPUs of this job: %s", ", ".join(taken) or "none")
        try:
            yield taken
        finally:
            if before is None:
                del os.environ[VISIBLE]
            else:
                os.environ[VISIBLE] = before


def _claim(names: list[str], count: int, folder: Path, stack: ExitStack) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    said = False
    while True:
        # One claimant at a time, so that two that need several do not each hold some and wait for the rest.
        with (folder / "claiming.lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            free = [(name, file) for name in names if (file := _lock(folder / f"{_plain(name)}.lock"))]
            enough = len(free) >= count
            for _, file in free[count:] if enough else free:
                file.close()
        if enough:
            for _, file in free[:count]:
                stack.callback(file.close)
            return [name for name, _ in free[:count]]
        if not said:
            logger.info("waiting for %d of the GPUs %s, which other jobs use", count, ", ".join(names))
            said = True
        time.sleep(ASK_AGAIN_S)


def _lock(path: Path) -> TextIO | None:
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _plain(name: str) -> str:
    return "gpu-" + re.sub(r"[^A-Za-z0-9-]", "_", name)
