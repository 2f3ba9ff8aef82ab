"""Locks of a run, which a kill releases: who writes to the folder of a run, and who reads it.

Every process that works on a run holds a lock of the operating system (flock) on a file of its own in
`results/<run>/locks`. The lock ends with the process, however that ends, so nobody has to clean up after a kill. The
file says who holds it. There are three kinds, by the names of the files:

- `run.lock`: the Snakemake that makes the run. Nobody else may work on it.
- `reader.<other>.lock`: the Snakemake of a run that uses stages of this one. Others may read, too, but not write.
- `job.<stage>.<job>.lock`: a job that writes to the run. It may outlive a Snakemake that was killed.
"""

import errno
import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from lamo.errors import LamoError

FOLDER = "locks"
RUN, READER, JOB = "run", "reader.", "job."
# What a kill leaves behind ends by itself within seconds: processes that read ahead notice it after five.
AFTER_KILL_S = 8.0
# A server of a network drive keeps the locks of a machine that crashed for up to 90 seconds.
JOB_WAIT_S = 120.0
TURN_S = 60.0
ASK_AGAIN_S = 0.2
HELD = {errno.EAGAIN, errno.EACCES}
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
NO_WRITING = {errno.EACCES, errno.EPERM, errno.EROFS}
logger = logging.getLogger(__name__)

Holder = dict[str, Any]
"""Who holds a lock: `what` in words, `pid`, `host`, and `since` when."""


class Locks:
    """The locks that this process holds; a context manager that releases them.

    Where the file system has no locks, a warning says so, and nothing is locked.
    """

    def __init__(self) -> None:
        self._files: dict[Path, TextIO] = {}
        self._joined: list[TextIO] = []

    def __enter__(self) -> "Locks":
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()

    def write(self, results: str | Path, what: str) -> None:
        """Claim the run in the folder `results` to write to it; `what` says who does.

        Raises:
            LamoError: another process works on it. For jobs that outlived a killed Snakemake it waits a few seconds.
        """
        self._claim(Path(results), RUN, what, lambda other: True, AFTER_KILL_S)

    def read(self, results: str | Path, what: str, name: str) -> None:
        """Claim the run in the folder `results` to read it, for the run `name`.

        Where nothing can be written to the folder, a warning says that its own run cannot know of the reader.

        Raises:
            LamoError: another process writes to it.
        """
        if not os.access(results, os.W_OK):
            logger.warning("%s: cannot be written to, so a start of that run will not know of %s", results, what)
            return
        self._claim(Path(results), f"{READER}{name}", what, lambda other: not other.startswith(READER), AFTER_KILL_S)

    def job(self, results: str | Path, name: str, what: str) -> None:
        """Claim the outputs and checkpoints of one job, for it and for the processes that it starts.

        Raises:
            LamoError: another process has held the same lock for two minutes.
        """
        self._claim(Path(results), f"{JOB}{name}", what, lambda other: other == f"{JOB}{name}", JOB_WAIT_S)

    def join_job(self, results: str | Path, name: str) -> None:
        """Hold the lock of a job, too, in one of the processes that it started."""
        path = Path(results) / FOLDER / f"{JOB}{name}.lock"
        if path.is_file():
            with _turn(path.parent):
                file = path.open("a+", encoding="utf-8")
                _try_flock(file, fcntl.LOCK_SH)
                self._joined.append(file)

    def release(self) -> None:
        """Release all, and remove the files that this process made and that no other one holds with it."""
        for file in self._joined:
            file.close()
        self._joined.clear()
        for path, file in self._files.items():
            # While it is still held: afterwards the file may be another's. It may be gone with the folder of the run.
            # Processes that joined this job may end later; then the file is theirs.
            if _try_flock(file, fcntl.LOCK_EX):
                path.unlink(missing_ok=True)
            file.close()
            with suppress(OSError):  # there are other locks in it
                path.parent.rmdir()
        self._files.clear()

    def _claim(self, results: Path, name: str, what: str, conflicts: Callable[[str], bool], wait_s: float) -> None:
        folder = results / FOLDER
        try:
            found = self._try_claim(folder, name, what, conflicts)
            end = time.monotonic() + wait_s
            # A Snakemake that lives is not waited for: it may take days.
            if found and all(other.startswith(JOB) for other in found):
                logger.warning("%s: %s; waiting up to %.0f s for its end", results, _in_words(found), wait_s)
                while found and time.monotonic() < end:
                    time.sleep(ASK_AGAIN_S)
                    found = self._try_claim(folder, name, what, conflicts)
        except OSError as error:
            if error.errno not in NO_WRITING:
                raise
            raise LamoError(
                f"{error.filename}: cannot be written ({error.strerror}); give this user write permission"
            ) from None
        if found:
            raise LamoError(f"{results}: {_in_words(found)}; wait for its end or end it, then start again")

    def _try_claim(self, folder: Path, name: str, what: str, conflicts: Callable[[str], bool]) -> dict[str, Holder]:
        """Make the lock, unless others hold one that conflicts with it: these, by name."""
        with _turn(folder):
            found = _held(folder, conflicts, self._files)
            if not found:
                path = folder / f"{name}.lock"
                file = path.open("w+", encoding="utf-8")
                # Shared, so that the processes of a job hold it together. That nobody else does was seen above.
                _try_flock(file, fcntl.LOCK_SH)
                self._files[path] = file
                since = datetime.now(UTC).isoformat(timespec="seconds")
                json.dump({"what": what, "pid": os.getpid(), "host": platform.node(), "since": since}, file)
                file.flush()
            return found


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time looks at the locks in `folder`, which is made if need be, and makes its own."""
    with _take_turn(folder) as file:
        try:
            yield
        finally:
            Path(file.name).unlink(missing_ok=True)


def _take_turn(folder: Path) -> TextIO:
    end = time.monotonic() + TURN_S
    while time.monotonic() < end:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder was removed a moment ago
            file = (folder / "turn").open("a")
            # Whoever had the turn before has removed the file, so what was waited for may be gone.
            if _try_flock(file, fcntl.LOCK_EX) and _is_in_place(file):
                return file
            file.close()
        time.sleep(ASK_AGAIN_S / 10)
    raise LamoError(f"{folder / 'turn'}: held by another process for {TURN_S:.0f} s; end that process")


def _is_in_place(file: TextIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except FileNotFoundError:
        return False


def _try_flock(file: TextIO, kind: int) -> bool:
    """Lock an open file without waiting; False if another process holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        if error.errno not in NO_LOCKS:
            raise
        _say_no_locks(Path(file.name).parent, error.strerror or "")
    return True


@cache
def _say_no_locks(folder: Path, why: str) -> None:
    logger.warning(
        "%s: its file system has no locks (%s), so nothing keeps two starts of a run apart; start it once only",
        folder, why,
    )  # fmt: skip


def _held(folder: Path, conflicts: Callable[[str], bool], own: Collection[Path]) -> dict[str, Holder]:
    """All locks that others hold and that conflict, by name. Files that a killed process left are removed."""
    found = {}
    for path in sorted(folder.glob("*.lock")):
        name = path.name.removesuffix(".lock")
        if path not in own and conflicts(name) and (holder := _holder(path)) is not None:
            found[name] = holder
    return found


def _holder(path: Path) -> Holder | None:
    """Who holds the lock; None, and the file is removed, if nobody does."""
    try:
        file = path.open("r+" if os.access(path, os.W_OK) else "r", encoding="utf-8")
    except FileNotFoundError:  # it was released a moment ago
        return None
    with file:
        if _try_flock(file, fcntl.LOCK_EX):
            path.unlink(missing_ok=True)
            return None
        try:
            return dict(json.load(file))
        except (TypeError, ValueError):  # another program wrote it
            return {}


def _in_words(found: dict[str, Holder]) -> str:
    name = RUN if RUN in found else min(found)
    unknown = {"what": name, "pid": "unknown", "host": "an unknown host", "since": "an unknown time"}
    text = "in use by {what} (process {pid} on {host}, since {since})".format_map({**unknown, **found[name]})
    return f"{text} and {len(found) - 1} more" if len(found) > 1 else text
