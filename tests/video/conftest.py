"""Real footage for the tests of stage 01."""

from pathlib import Path

import pytest

DASHCAM = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "dashcam"


@pytest.fixture(scope="session")
def dashcam() -> Path:
    """Folder of real clips; tests that need it are skipped where it is absent."""
    if not DASHCAM.is_dir():
        pytest.skip(f"no real clips in {DASHCAM}")
    return DASHCAM
