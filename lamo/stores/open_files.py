"""The limit of open files, raised for a process that reads many stores."""

import resource

from lamo.errors import LamoError

# Files that a process opens besides the stores.
SPARE = 256
_promised = 0


def allow_open_files(count: int) -> None:
    """Let this process hold `count` files open beside its others and those of earlier calls.

    Raises `LamoError` if the machine's hard limit does not allow it.
    """
    global _promised
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _promised += count
    wanted = _promised + SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LamoError(
            f"{_promised} files of stores have to be open at once, this machine allows {hard} (ulimit -Hn), "
            f"expected at least {wanted}; raise that limit, or lower frames.shards"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
