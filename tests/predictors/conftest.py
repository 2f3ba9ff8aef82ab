"""Small latents, predictors and configurations that the tests of this folder share."""

import numpy as np
import pytest
import torch
from made_predictors import predictors

from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.interface import Context, Geometry
from lamo.stores.latents import LatentsStore, LatentsWriter


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def geometry() -> Geometry:
    return Geometry(history=3, levels=2, tokens=3, motion_width=4, grid=(2, 3), state_width=5)


@pytest.fixture
def config() -> PredictorsConfig:
    entries = {
        "flow": {"width": 32, "guess": "none"},
        "state": {"width": 32, "guess": "none"},
        "gmm": {"components": 2, "guess": "none"},
    }
    return predictors(entries, backbone={"depth": 2, "width": 32, "heads": 2})


@pytest.fixture
def context(geometry) -> Context:
    motion = torch.randn(4, geometry.history, geometry.levels, geometry.tokens, geometry.motion_width)
    return Context(motion, torch.randn(4, geometry.history + 1, geometry.patches, geometry.state_width))


@pytest.fixture
def latents(tmp_path, geometry) -> LatentsStore:
    """Three clips of 12, 5 and 9 frames whose state and motion rows count upwards, with noise."""
    rng = np.random.default_rng(0)
    store, manifest = tmp_path / "latents.zarr", tmp_path / "latents.manifest.json"
    with LatentsWriter(store, manifest, geometry.grid, (0,)) as writer:
        for clip, length in (("a", 12), ("b", 5), ("c", 9)):
            state = rng.normal(2.0, 3.0, (length, geometry.patches, geometry.state_width))
            motion = rng.normal(-1.0, 0.5, (length, geometry.levels, geometry.tokens, geometry.motion_width))
            motion[-1] = 0.0
            writer.add_clip(clip, state, motion)
    return LatentsStore(store, manifest)
