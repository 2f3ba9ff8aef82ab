"""Locks that a kill releases."""

import fcntl
from pathlib import Path
from typing import TextIO


def release_stale_lock(directory: str | Path) -> TextIO | None:
    """Claim the working directory for this process, and remove the Snakemake lock that a killed process left behind.

    Snakemake's lock files stay after a `kill -9`; a lock of the operating system does not. A process that holds such a
    lock knows that no other run is alive in `directory`.

    Returns:
        The open file of the lock, which closing it would release; None if another process holds the lock. Then
        Snakemake's own lock decides.
    """
    state = Path(directory) / ".snakemake"
    state.mkdir(parents=True, exist_ok=True)
    file = (state / "lamo.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    for stale in (state / "locks").glob("*.lock"):
        stale.unlink(missing_ok=True)
    return file
