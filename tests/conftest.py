"""Puts this folder on the path: tests of several packages share its modules. Real footage for those that can use it."""

from pathlib import Path

import pytest
import torch

# The tests' tensors are tiny: a second thread gains nothing, and beside other work it costs many times as much.
torch.set_num_threads(1)
DASHCAM = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "dashcam"


@pytest.fixture(scope="session")
def dashcam() -> Path:
    """Folder of real clips; tests that need it are skipped where it is absent."""
    if not DASHCAM.is_dir():
        pytest.skip(f"no real clips in {DASHCAM}")
    return DASHCAM
