"""One SLURM for all tests of a process."""

import shutil
import tempfile
from pathlib import Path

import pytest
from cluster import Cluster
from runs import locally


@pytest.fixture(scope="session")
def local(made_once) -> Path:
    """The tiny run without SLURM."""
    return made_once("local", locally)


@pytest.fixture(scope="session")
def cluster():
    """A running SLURM of two nodes. Its socket needs a short path, so it does not lie in pytest's folder."""
    made = Cluster(Path(tempfile.mkdtemp(prefix="lamo-slurm-")))
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder, ignore_errors=True)
