"""Jobs: the body of a rule's script, with its log file and errors of one line."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamo.errors import LamoError

log = logging.getLogger(__name__)


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a rule's script, logging to the rule's log file and to standard error.

    `LamoError` becomes one line in both and exit status 1; any other exception leaves its traceback in the log file and
    one line on standard error. `snakemake` is the object that Snakemake puts into the script.
    """
    logfile = Path(snakemake.log[0])
    logfile.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.FileHandler(logfile, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers[1].setFormatter(logging.Formatter("%(message)s"))
    handlers[0].setLevel(logging.DEBUG)
    handlers[1].setLevel(logging.INFO)
    package = logging.getLogger("lamo")
    package.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    listeners = [package, logging.getLogger("py.warnings")]
    for logger in listeners:
        for handler in handlers[: 2 if logger is package else 1]:
            logger.addHandler(handler)
    try:
        yield
    except LamoError as error:
        log.error("error in rule %s: %s", snakemake.rule, _one_line(error))
        raise SystemExit(1) from None
    except Exception as error:
        log.debug("traceback", exc_info=True)
        kind = type(error).__name__
        log.error("unexpected %s in rule %s: %s (traceback in %s)", kind, snakemake.rule, _one_line(error), logfile)
        raise SystemExit(1) from None
    finally:
        for handler in handlers:
            for logger in listeners:
                logger.removeHandler(handler)
            handler.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def use_threads(count: int) -> None:
    """Let PyTorch use `count` threads. Only scripts that need PyTorch call this: importing it takes seconds."""
    import torch

    torch.set_num_threads(count)
