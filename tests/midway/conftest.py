"""Tiny networks in both forms, with weights away from their initial values, and small moving pictures."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.stores.windows import ShardArray

IMAGE = (16, 24)  # a grid of 4 x 6 patches
ENCODER = {"patch": 4, "width": 16, "depth": 4, "heads": 2, "levels": [0, 1, 2, 3], "drop_path": 0.0}
PUBLISHED = {
    "form": "published",
    "encoder": ENCODER,
    "inverse": {"tokens": 3, "width": 8, "depth": 2, "heads": 2},
    "forward": {"depth": 3, "heads": 2, "lateral_heads": 4},
}
COMPACT = {
    "form": "compact",
    "encoder": ENCODER,
    "inverse": {"tokens": 4, "width": 8, "depth": 2, "heads": 2},
    "forward": {"depth": 2, "heads": 2},
}
TRAINING = {
    "pretraining": {"steps": 2, "batch": 8},
    "dino": {"prototypes": 16, "hidden": 12, "bottleneck": 6},
    "steps": 3, "batch": 4, "learning_rate": 3e-3, "final_learning_rate": 1e-4, "warmup_steps": 0,
    "weight_decay": 0.01, "clip_gradient": 1.0, "both_directions": False, "unroll": [1], "mixed_precision": False,
    "validate_every": 0,
}  # fmt: skip


def changed(base: dict, changes: dict) -> dict:
    """A copy of nested settings with some of them replaced."""
    out = copy.deepcopy(base)
    for name, value in changes.items():
        out[name] = changed(out[name], value) if isinstance(value, dict) and name in out else value
    return out


def shaken(module: torch.nn.Module, scale: float = 0.1) -> torch.nn.Module:
    """The module with noise on every weight, so that nothing is equal by its initial value."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def make_config():
    """make_config("compact", forward={"depth": 3}) -> MidwayConfig: a tiny form with some settings replaced."""

    def make(form: str, **changes) -> MidwayConfig:
        base = {"published": PUBLISHED, "compact": COMPACT}[form]
        return MidwayConfig.model_validate(changed(base | {"training": TRAINING}, changes))

    return make


@pytest.fixture(scope="session")
def make_midway(make_config):
    """make_midway("published", ...) -> Midway in eval mode, student, teacher and targets' parts all different."""

    def make(form: str, **changes) -> Midway:
        config = make_config(form, **changes)
        return shaken(Midway(config, IMAGE, config.training.motion_noise)).eval()

    return make


@pytest.fixture(params=["published", "compact"])
def form(request) -> str:
    return request.param


@pytest.fixture
def model(make_midway, form) -> Midway:
    return make_midway(form)


@pytest.fixture
def states():
    """Source and target states of two pairs: four levels [2, 25, 16] each."""
    return tuple(tuple(torch.randn(2, 25, 16) for _ in range(4)) for _ in range(2))


def drive(length: int, seed: int) -> np.ndarray:
    """uint8 [length, 16, 24, 3]: blocks of random colours that slide sideways at their own speed."""
    rng = np.random.default_rng(seed)
    strip = rng.integers(0, 256, (4, 64, 3)).repeat(4, axis=0).repeat(4, axis=1)
    speed = 2 + seed % 3
    return np.stack([strip[:, speed * t : speed * t + 24] for t in range(length)]).astype(np.uint8)


@pytest.fixture(scope="session")
def clips():
    """clips(3, 12) -> one shard of three clips of 12 frames."""

    def make(count: int, length: int, first_seed: int = 0) -> list[ShardArray]:
        frames = np.concatenate([drive(length, first_seed + i) for i in range(count)])
        return [ShardArray(frames, np.arange(count + 1) * length)]

    return make


@pytest.fixture
def table(tmp_path):
    """table(log) -> the training log as it reads from its file."""

    def read(log) -> pd.DataFrame:
        log.write(tmp_path / "log.parquet")
        return pd.read_parquet(tmp_path / "log.parquet")

    return read
