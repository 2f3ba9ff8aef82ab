"""The tiny configuration and what follows from it."""

import numpy as np
import pytest

from lamo.jobs.code_hash import ROOT
from lamo.tools.overlay import read_config
from lamo.tools.plan.geometry import sizes_of
from lamo.world.write import write_video

CONFIGS = ROOT / "config"


@pytest.fixture(scope="session")
def config_of():
    """The configuration of a file of the folder config, None for the default, with sections laid over it."""
    return lambda name=None, **sections: read_config([CONFIGS / name] if name else [], sections)


@pytest.fixture(scope="session")
def tiny(config_of):
    """With futures of eight steps, the default: numbers by hand are of these."""
    horizons = {"horizons_s": [0.2, 0.6, 1.6]}
    return config_of("tiny.yaml", frames={"min_frames": 12}, rollouts=horizons, metrics=horizons)


@pytest.fixture(scope="session")
def sizes(tiny):
    return sizes_of(tiny)


@pytest.fixture(scope="session")
def make_video():
    """Writes a video of so many seconds at 10 frames per second to a path and returns the path."""

    def make(path, seconds):
        coarse = np.random.default_rng(0).integers(0, 256, (10 * seconds, 16, 32, 3), dtype=np.uint8)
        write_video(path, coarse.repeat(4, axis=1).repeat(4, axis=2), fps=10, crf=23)
        return path

    return make
