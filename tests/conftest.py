"""Puts this folder on the path: tests of several packages share its modules. What all of them may need."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import torch
from filelock import FileLock

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

# The tests' tensors are tiny: a second thread gains nothing, and beside other work it costs many times as much.
torch.set_num_threads(1)
DASHCAM = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "dashcam"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first: where processes share the tests, those that take longest must not be begun last."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """A folder of that name, filled by the function in whichever of the processes that share the tests comes first."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, fill: Callable[[Path], None]) -> Path:
        made, finished = common / name, common / f"{name}.finished"
        with FileLock(common / f"{name}.lock"):
            if not finished.exists():
                shutil.rmtree(made, ignore_errors=True)
                fill(made)
                finished.touch()
        return made

    return folder


@pytest.fixture(scope="session")
def dashcam() -> Path:
    """Folder of real clips; tests that need it are skipped where it is absent."""
    if not DASHCAM.is_dir():
        pytest.skip(f"no real clips in {DASHCAM}")
    return DASHCAM
