"""Where the programs for rows of others may write."""

import os
from pathlib import Path

from lamo.errors import LamoError


def check_new(output: Path, run: Path) -> None:
    """Whether the folder `output` can be made.

    Raises:
        LamoError: there is something already, it would lie in the folder of the run, which belongs to Snakemake, or
            nothing may be written there.
    """
    if output.exists() or output.is_symlink():
        raise LamoError(f"{output}: found something there already, expected a new folder; move it, or give another -o")
    if output.resolve().is_relative_to(run.resolve()):
        raise LamoError(f"{output}: found a place in the run's own folder, expected one outside of it; give another -o")
    above = next(parent for parent in output.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise LamoError(f"{output}: found {above}, expected a folder that can be written to; give another -o")
