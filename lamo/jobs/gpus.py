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
TURN_S = 0.05
TURN_AFTER_S = 5.0
SAY_AGAIN_S = 120.0
CLAIMING = "claiming.lock"
logger = logging.getLogger(__name__)


def gpus_here() -> list[str]:
    """Names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, or else all of the machine."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    return [str(number) for number in range(len(list(DRIVER.glob("*"))))]


@contextmanager
def claimed_gpus(count: int, folder: Path | None = None) -> Iterator[list[str]]:
    """Claim `count` GPUs for this process and its children; CUDA then sees no others.

    Waits until they are free, however long the jobs take that use them, and says every two minutes which these are.

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
    say = _Saying()
    while True:
        # One claimant at a time, so that two that need several do not each hold some and wait for the rest.
        turn = _lock(folder / CLAIMING)
        if turn is None:
            say.again(
                "waiting to claim GPUs: another process keeps %s, is it stopped?",
                folder / CLAIMING,
                after_s=TURN_AFTER_S,
            )
            time.sleep(TURN_S)
            continue
        with turn:
            free = [(name, file) for name in names if (file := _lock(folder / f"{_plain(name)}.lock"))]
            enough = len(free) >= count
            for _, file in free[count:] if enough else free:
                file.close()
        if enough:
            for _, file in free[:count]:
                _sign(file)
                stack.callback(file.close)
            return [name for name, _ in free[:count]]
        held = [name for name in names if name not in dict(free)]
        say.again("waiting for %d of the GPUs %s, which other jobs use%s", count, ", ".join(names), _who(held, folder))
        time.sleep(ASK_AGAIN_S)


class _Saying:
    """Writes what is waited for into the log, first after a while and again as long as the wait lasts."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def again(self, text: str, *values: object, after_s: float = 0.0) -> None:
        now = time.monotonic()
        if now >= self._due.setdefault(text, now + after_s):
            self._due[text] = now + SAY_AGAIN_S
            logger.info(text, *values)


def _sign(file: TextIO) -> None:
    """Write the number of this process into a lock that it holds."""
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()


def _who(names: list[str], folder: Path) -> str:
    """Which processes hold the GPUs `names`, by what they wrote into their locks: for people to read."""
    holders = []
    for name in names:
        process = (folder / f"{_plain(name)}.lock").read_text().strip()
        holders += [f"{name} by process {process}"] if process else []
    return f" ({', '.join(holders)})" if holders else ""


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
