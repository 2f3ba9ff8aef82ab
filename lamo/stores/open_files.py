"""Room for the open files of many stores."""

import resource

from lamo.errors import LamoError

# For everything else that a process opens.
SPARE = 256


def allow_open_files(count: int) -> None:
    """Let this process hold `count` files open beside its others.

    Raises `LamoError` if the machine's hard limit does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LamoError(
            f"{count} files of stores have to be open at once, this machine allows {hard} (ulimit -Hn), expected at "
            f"least {wanted}; raise that limit, or lower frames.shards"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
